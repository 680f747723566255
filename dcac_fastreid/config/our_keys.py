"""Every config key that this package adds to fast-reid's, with its meaning, unit and source in the paper, and what it may hold."""

from dataclasses import dataclass
from typing import Any

from dcac_fastreid.conditioners import CONDITIONER_REGISTRY
from dcac_fastreid.conditioners.probabilities import SOURCES
from dcac_fastreid.conditioners.transforms import CONDITION_NET_INITS, TRANSFORMS
from dcac_fastreid.config.rules import Rule, choice, flag, number, path, registered, several, side, text, whole
from dcac_fastreid.diffusion.adaptation import TRAINED_PARTS
from dcac_fastreid.diffusion.views import VIEWS

TEMPERATURE = number(1e-6)  # nearer to zero, fp32 overflows in the softmax


@dataclass(frozen=True)
class Key:
    """name: of the config, "MODEL.DCAC.LAMBDA". default: the paper's value, unless the comment says otherwise."""

    name: str
    default: Any
    rule: Rule


OUR_KEYS = (
    # Seed of weights, sampler, workers, augmentation and noise. -1: drawn at every start, and logged.
    # A resumed run goes on with the seed of the run. On the CPU two runs of one seed are bit-identical, with the same number of
    # threads; on a GPU they begin alike, and are bit-identical with SOLVER.DETERMINISTIC alone.
    Key("SEED", -1, whole(-1, 2**32 - 1, "-1 draws one")),
    # Folder that holds the data sets. "": the environment variable FASTREID_DATASETS, as in fast-reid (else ./datasets);
    # a path; or "synthetic:SEED" (":easy", ":hard" behind it), the synthetic data set of that seed. It wins over the variable.
    Key("DATASETS.ROOT", "", path()),
    # True: images that cannot be read are left out of training, query and gallery, with a warning that counts them; every
    # image that has not been decoded by an earlier run is decoded for it. False: the first one that is met ends the run.
    Key("DATALOADER.SKIP_CORRUPT", False, flag()),
    # True: the training images are decoded and resized once, at the start of the first run on them, and augmented in batches on
    # the model's device; 3 bytes a pixel in a file of the cache folder, which is read as it is needed.
    # False: fast-reid's loader, with DATALOADER.NUM_WORKERS processes. The batches are the same, to the bit. (An
    # augmentation that is not made on batches, such as INPUT.AUTOAUG, takes fast-reid's loader in any case.)
    Key("DATALOADER.CACHE_IMAGES", True, flag()),
    # (DATALOADER.SAMPLER_TRAIN has one choice more than in fast-reid, "RandomIdentitySampler", of the authors' code: no image
    # comes twice in an epoch, which ends when fewer than IMS_PER_BATCH / NUM_INSTANCE identities have NUM_INSTANCE images left. So
    # epochs are 6 to 16 % shorter: MA about 184 steps in place of 202, D 240 of 258, MS 480 of 509, C3 96 of 115.)
    # Interpolation by which test images are resized to INPUT.SIZE_TEST: "bicubic" as in fast-reid, or "bilinear", as
    # the authors' code in its single-source tests. Images of the training and of its prototypes are resized by "bicubic" in any
    # case, as in the authors' code. It moves pixels by 1.35 grey levels in the mean, and mAP by tenths; a checkpoint
    # carries it with its encoder.
    Key("INPUT.TEST_INTERPOLATION", "bicubic", choice("bicubic", "bilinear")),
    # What random erasing draws. "torchvision", as in fast-reid: area 0.02 to 0.33 of the image, the logarithm of height / width
    # even from 0.3 to 3.3, 10 attempts. "original", as the authors' code: 0.02 to 0.40, height / width itself even from 0.3 to
    # 1 / 0.3, 100 attempts. At 256 x 128 and INPUT.REA.PROB 0.5, 8.2 and 10.3 % of an image are erased in the mean.
    Key("INPUT.REA.GEOMETRY", "torchvision", choice("torchvision", "original")),
    # -- the encoder: build_clip_vit_backbone. Weights, read where MODEL.BACKBONE.PRETRAIN: MODEL.BACKBONE.PRETRAIN_PATH, a
    # file (OpenAI's ViT-B-16.pt, or .safetensors or .bin in open_clip's or transformers' naming), or one of open_clip's tags
    # for the architecture, such as laion2b_s34b_b88k, which is downloaded --
    # Name of an open_clip model configuration; its image tower is the encoder, a ResNet excepted. It says the activation
    # ("-quickgelu" for OpenAI's weights), the patch size, which must divide INPUT.SIZE_TRAIN, and MODEL.BACKBONE.FEAT_DIM.
    Key("MODEL.CLIP.ARCH", "ViT-B-16-quickgelu", text(empty=False)),
    # Resizing of the positional embedding (14 x 14 -> 16 x 8). The paper is silent; the authors' code uses bilinear. Or "bicubic".
    Key("MODEL.CLIP.POS_EMBED_INTERPOLATION", "bilinear", choice("bilinear", "bicubic")),
    # Standard deviation of the classifier's initial weights. The paper is silent; the authors' code uses 0.001, fast-reid 0.01.
    Key("MODEL.HEADS.CLASSIFIER_INIT_STD", 0.001, number(0)),
    # How often a training step moves the BNNeck's running mean and variance. The paper is silent; the authors' code calls the
    # BNNeck twice on the same features, so 2: they move 1.9 times as far (momentum 0.1). Features of a training step stay the same.
    Key("MODEL.HEADS.BNNECK_UPDATES", 1, whole(1, 2)),
    # -- prototypical contrastive loss, Eq. 6 and 7: "PrototypicalContrastiveLoss" in MODEL.LOSSES.NAME --
    # Temperature τ_m of Eq. 6, > 0.
    Key("MODEL.LOSSES.PCL.TAU", 0.01, TEMPERATURE),
    # Momentum m of Eq. 7, the share of the old prototype that is kept, in [0, 1].
    Key("MODEL.LOSSES.PCL.MOMENTUM", 0.2, number(0, 1)),
    # Weight λ of the diffusion loss in Eq. 13. (MODEL.LOSSES.NAME () leaves this loss alone, without any Re-ID loss.)
    Key("MODEL.DCAC.LAMBDA", 1.0, number(0)),
    # Beyond the paper; 0 is off. r > 0: λ is set again at every step, so that the norm of the feedback's gradient at the features
    # is r times that of the Re-ID losses' there; LAMBDA is then not read. Not in fp16, in which the gradients
    # that it compares would be lost before they are scaled.
    Key("MODEL.DCAC.BALANCE", 0.0, number(0)),
    # -- the bridge --
    # Table 7: "CorrelationAwareConditioner" (Eq. 12), "ClassWiseConditioner" or "InstanceWiseConditioner". Beyond the paper:
    # "ImageEmbeddingConditioner", CLIP's image embedding itself, for a denoiser that was pre-trained on it, such as Stable
    # Diffusion image variations (lambdalabs/sd-image-variations-diffusers) on that of CLIP ViT-L/14.
    Key(
        "MODEL.DCAC.CONDITIONER.NAME", "CorrelationAwareConditioner", registered(lambda: CONDITIONER_REGISTRY._obj_map)
    ),
    # Temperature τ of the condition's probabilities, Eq. 12. Section 5.2: 0.1 for C3; 0.6 for MA, D; 1.0 for MS, multi-source.
    Key("MODEL.DCAC.CONDITIONER.TAU", 0.6, TEMPERATURE),
    # Class-wise only. False: p_iy P[y], as the paper words it. True: divided by p_iy, as in the authors' code; then no gradient
    # of the diffusion loss reaches the Re-ID model.
    Key("MODEL.DCAC.CONDITIONER.RESCALE", False, flag()),
    # Who says the probabilities p_i: "classifier", as in Eq. 12; "prototypes", softmax of the cosines to the ID prototypes
    # with Eq. 6's temperature τ_m; "both", the mean of the two. The last two are options of the authors' code.
    Key("MODEL.DCAC.CONDITIONER.PROBS", "classifier", choice(*SOURCES)),
    # What then happens to the condition, Table 10: "none", "silu", "batchnorm" or "condition_net".
    Key("MODEL.DCAC.CONDITIONER.TRANSFORM", "none", choice(*TRANSFORMS)),
    # How the two linear layers of "condition_net" start. "default": as PyTorch starts them, the condition then has a standard
    # deviation of 0.36. "normal": N(0, 1), as in the authors' code, 5.78; a learning rate of 5e-6 does not close that gap.
    Key("MODEL.DCAC.CONDITIONER.CONDITION_NET_INIT", "default", choice(*CONDITION_NET_INITS)),
    # Whose condition an image denoises; beyond the paper. "same": its own, as in the paper. "identity": that of another image
    # of the same identity in the batch, so that the condition can hold only what the two images share: the person. "camera":
    # the same, by another camera wherever the batch allows it. See diffusion/views.py. Drawn again at each step.
    Key("MODEL.DCAC.CONDITIONER.VIEW", "same", choice(*VIEWS)),
    # A control that is not in the paper. True: in training every image gets the condition of another one of its batch, drawn
    # again at each step. The feedback still reaches the encoder, but says nothing about the image.
    Key("MODEL.DCAC.CONDITIONER.SHUFFLE", False, flag()),
    # -- the diffusion model --
    # A Stable Diffusion model, in one of four forms. A folder in diffusers' layout: unet/, vae/, scheduler/. One file of
    # Stable Diffusion 1.5 in the original layout, such as v1-5-pruned.safetensors or .ckpt. Or OWNER/NAME of a model in
    # diffusers' layout on the Hugging Face hub, taken from the local hub cache or else downloaded; whether the hub has it is
    # seen only when the run loads it. What exists is a path, and so is what has not exactly one slash, lies below weights/
    # or below any folder that exists, begins with "." or "~", or ends in .safetensors, .ckpt, .pt, .pth or .bin. Or one of the
    # two small ones that ship with the package, "synthetic:stable-diffusion" and "synthetic:stable-diffusion-image-variations".
    Key("MODEL.DCAC.DIFFUSION.WEIGHTS", "", path()),
    # Where a model has two sets of the U-Net's weights: False for the plain ones, as the authors' code (the paper is silent), True
    # for their moving average. In a file of the original layout these are model.diffusion_model.* and model_ema.*; in
    # diffusers' layout of 1.5 the non_ema files, where they lie there, and the ordinary ones (the average).
    Key("MODEL.DCAC.DIFFUSION.EMA", False, flag()),
    # Height and width of the un-augmented view that the diffusion model sees, in pixels, multiples of the 8 by which its VAE
    # divides them. Section 5.2: 128 x 128.
    Key("MODEL.DCAC.DIFFUSION.SIZE", [128, 128], several(side(8, multiple=8), 2)),
    # Which weights of the U-Net train, Table 5: "frozen"; "lora", adapters beside frozen layers; "partial1", the output
    # blocks and the head (time embedding, last normalisation and convolution); "partial2", the middle block too; "full";
    # "scratch", all, drawn again from SEED; or, a control that is not in the paper, "random": as "scratch", but frozen.
    Key("MODEL.DCAC.DIFFUSION.TUNING", "lora", choice(*TRAINED_PARTS)),
    # -- LoRA, Eq. 9 --
    # Rank r. Section 5.2: 8; 32 for MS as the source and for every multi-source run.
    Key("MODEL.DCAC.LORA.RANK", 8, whole(1, 4096)),
    # s = ALPHA / RANK scales the update B A. The paper is silent; the authors' code uses 1.
    Key("MODEL.DCAC.LORA.ALPHA", 1.0, number(0)),
    # Linear layers that take an adapter, by the end of their names. (): the diffusion model's own list, for Stable Diffusion
    # ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj"), as Table 6's counts and the authors' code; the paper's words, "the
    # feed-forward linear layers", would add "ff.net.2".
    Key("MODEL.DCAC.LORA.TARGETS", (), several(text(empty=False), distinct=True)),
    # True: the adapted query, key and value layers have biases beside Stable Diffusion's weights, as in the authors' code: random
    # (even in +- 1 / sqrt(width of the input), from SEED), frozen, 74,880 numbers for Stable Diffusion 1.5, in every checkpoint.
    # They change what the U-Net predicts before any training (by 7 % on random weights). Needed to go on from a checkpoint that
    # the authors released, or to look at its U-Net: dcac-fastreid convert --training-side.
    Key("MODEL.DCAC.LORA.QKV_BIAS", False, flag()),
    # Every so many steps, numbers that tell why the feedback works, or not, as telemetry/... beside the losses in metrics.json
    # and TensorBoard; 50 is a good choice, 0 for never. The training stays the same, to the bit.
    Key("MODEL.DCAC.TELEMETRY", 0, whole(0, note="0 for never")),
    # -- solver --
    # SOLVER.SCHED "EpochWarmupMultiStepLR": Section 5.2's schedule, stepped once per epoch e = 0, 1, ...:
    # linear warm-up from WARMUP_FACTOR over WARMUP_EPOCHS, then x GAMMA at every epoch of STEPS, counted from epoch 0.
    # (fast-reid's own schedules warm up by iterations and count STEPS from the end of the warm-up.)
    Key("SOLVER.WARMUP_EPOCHS", 10, whole()),
    # True: the schedule is one epoch ahead, epoch e trains with the paper's rate of e + 1, as in the authors' code. Of the paper's
    # 60 epochs 12 differ; the sum of all rates by 0.3 %.
    Key("SOLVER.ONE_EPOCH_AHEAD", False, flag()),
    # Factors of SOLVER.BASE_LR, > 0, as the host's HEADS_LR_FACTOR: for the conditioner's weights (the ID prompts, in the
    # variants what stands in their place or behind them), and for the LoRA adapters. The authors' code has one rate for all, at
    # which prompts of N(0, 1) hardly move: 5e-6.
    Key("SOLVER.PROMPTS_LR_FACTOR", 1.0, number(above=0)),
    Key("SOLVER.LORA_LR_FACTOR", 1.0, number(above=0)),
    # Besides SOLVER.CHECKPOINT_PERIOD, in epochs: a checkpoint `model_steps` after every so many steps, 0 for none.
    Key("SOLVER.CHECKPOINT_STEPS", 0, whole(0, note="0 for never")),
    # For GPUs with little memory; losses and gradients stay those of the whole batch, as do BNNeck and prototypes. Images that
    # encoder and diffusion model take at a time, their activations being computed again in the backward pass; 0 for all.
    # Not with a backbone that has batch normalisation.
    Key("SOLVER.MICRO_BATCH", 0, whole(0, note="0 for the whole batch at once")),
    # Likewise: True computes the activations inside encoder and U-Net again, layer by layer (activation checkpointing).
    Key("SOLVER.CHECKPOINT_ACTIVATIONS", False, flag()),
    # How a training of DCAC or its baseline is computed where nobody says SOLVER.AMP.ENABLED, AMP.DTYPE or CUDA_GRAPH, each of
    # which wins over it. "auto": on a GPU in bf16, the step recorded as a CUDA graph where that can be; a GPU without bf16
    # (compute capability below 8) takes fp16, or with MODEL.DCAC.BALANCE fp32. "authors": on a GPU in fp16 with a loss scaler,
    # not recorded, as the authors' code. On the CPU both are fp32. config.yaml in OUTPUT_DIR says what was chosen.
    Key("SOLVER.SPEED", "auto", choice("auto", "authors")),
    # torch.compile for encoder and U-Net: sums in another order, so its last bits are others. Compiles for minutes.
    Key("SOLVER.COMPILE", False, flag()),
    # On a GPU, without fp16: a step is recorded once as a CUDA graph and then replayed, its learning rate rounded to fp32.
    # Where that cannot be, the ordinary step runs and the log says why. (Nobody says it: SOLVER.SPEED does.)
    Key("SOLVER.CUDA_GRAPH", False, flag()),
    # True: two runs of one SEED are bit-identical on a GPU, too, as they are on the CPU, on the same kind of GPU and with the same
    # versions of PyTorch and CUDA: torch.use_deterministic_algorithms, and no CUDNN_BENCHMARK. Slower, by how much was never
    # measured; never run on a GPU. An operation that has no deterministic form ends the run with PyTorch's message. False: on a
    # GPU, sums of the prototypes and of backward passes are added in another order in each run, so that their last bits differ.
    Key("SOLVER.DETERMINISTIC", False, flag()),
    # -- which weights are tested and exported: levers beyond the paper. A checkpoint's "model" is what is tested; where the
    # weights that train are others, it has them beside it ("trained"), and --resume goes on with those. The BNNeck's running
    # statistics are then estimated again over the training images, resized as in training and not augmented. --
    # Exponential moving average of encoder and head, updated at every step: its length in epochs, 0 for none. Its decay is
    # 1 - 1 / (EPOCHS x steps of an epoch), so that a length means the same whatever the data set's size. Every checkpoint
    # takes a pass over the training images for the statistics.
    Key("SOLVER.EMA.EPOCHS", 0.0, number(0, 1e4)),
    # At the end of a training, encoder = start + ALPHA (trained - start), where the start is pre-trained or of MODEL.WEIGHTS,
    # and trained is the average where SOLVER.EMA is on; in [0, 1], 1.0 for none (WiSE-FT, Wortsman et al., CVPR 2022). A
    # resumed run may have another one: resumed when it is finished, it is interpolated again from its trained weights.
    Key("SOLVER.INTERPOLATE.ALPHA", 1.0, number(0, 1)),
    # "source": in place of ALPHA the best of 0.3, 0.5, 0.7, 0.85 and 1 by mAP on validation identities of the sources: the data
    # set's own, or else a tenth of the training identities, which are then not trained on. "": ALPHA.
    Key("SOLVER.INTERPOLATE.CHOOSE", "", choice("", "source")),
    # In which precision a test computes features: "fp32"; or, faster on a GPU, by how much was never measured, "tf32" (on the
    # CPU it is fp32) or "bf16". Scores differ slightly between them. Distances are fp32 in any case.
    Key("TEST.PRECISION", "fp32", choice("bf16", "fp32", "tf32")),
    # Mixed precision where SOLVER.AMP.ENABLED: "fp16" with a loss scaler, as the authors' code, or "bf16". On CPU only "bf16".
    # (Nobody says either key: SOLVER.SPEED does.)
    Key("SOLVER.AMP.DTYPE", "fp16", choice("bf16", "fp16")),
)
