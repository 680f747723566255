"""Every config key that this package adds to fast-reid's, with its meaning, unit and source in the paper."""

from fastreid.config import CfgNode as CN


def add_dcac_config(cfg: CN) -> None:
    """Adds DCAC's keys to fast-reid's default config, in place. A value here is the paper's unless its comment says otherwise."""
    # Seed of weights, sampler, workers, augmentation and noise. -1: drawn anew at every start, and logged.
    # A resumed run goes on with the seed of the run.
    cfg.SEED = -1

    # Folder that holds the data sets. "": the environment variable FASTREID_DATASETS, as in fast-reid (else ./datasets);
    # a path; or "synthetic:SEED" (":easy", ":hard" behind it), the drawn world of that seed. It wins over the variable.
    cfg.DATASETS.ROOT = ""

    # True: every picture is decoded before the run, and those that cannot be read are left out of training, query and
    # gallery, with a warning that counts them. False: the first one that is met ends the run.
    cfg.DATALOADER.SKIP_CORRUPT = False

    # -- the encoder: build_clip_vit_backbone. Weights: MODEL.BACKBONE.PRETRAIN_PATH, read where MODEL.BACKBONE.PRETRAIN --
    cfg.MODEL.CLIP = CN()
    # Name of an open_clip model configuration with a ViT image tower; "-quickgelu" is the activation of OpenAI's weights.
    cfg.MODEL.CLIP.ARCH = "ViT-B-16-quickgelu"
    # Resizing of the positional embedding (14 x 14 -> 16 x 8). The paper is silent; the release uses bilinear. Or "bicubic".
    cfg.MODEL.CLIP.POS_EMBED_INTERPOLATION = "bilinear"

    # Standard deviation of the classifier's initial weights. The paper is silent; the release uses 0.001, fast-reid 0.01.
    cfg.MODEL.HEADS.CLASSIFIER_INIT_STD = 0.001

    # -- prototypical contrastive loss, Eq. 6 and 7: "PrototypicalContrastiveLoss" in MODEL.LOSSES.NAME --
    cfg.MODEL.LOSSES.PCL = CN()
    # Temperature τ_m of Eq. 6, > 0.
    cfg.MODEL.LOSSES.PCL.TAU = 0.01
    # Momentum m of Eq. 7, the share of the old prototype that is kept, in [0, 1].
    cfg.MODEL.LOSSES.PCL.MOMENTUM = 0.2

    cfg.MODEL.DCAC = CN()
    # Weight λ of the diffusion loss in Eq. 13.
    cfg.MODEL.DCAC.LAMBDA = 1.0

    # -- the bridge --
    cfg.MODEL.DCAC.CONDITIONER = CN()
    # Table 7: "CorrelationAwareConditioner" (Eq. 12), "ClassWiseConditioner" or "InstanceWiseConditioner".
    cfg.MODEL.DCAC.CONDITIONER.NAME = "CorrelationAwareConditioner"
    # Temperature τ of the condition's probabilities, Eq. 12. Section 5.2: 0.1 for C3; 0.6 for MA, D; 1.0 for MS, multi-source.
    cfg.MODEL.DCAC.CONDITIONER.TAU = 0.6
    # Class-wise only. False: p_iy P[y], as the paper words it. True: divided by p_iy, as in the release; then no gradient
    # of the diffusion loss reaches the Re-ID model.
    cfg.MODEL.DCAC.CONDITIONER.RESCALE = False

    # -- the diffusion model --
    cfg.MODEL.DCAC.DIFFUSION = CN()
    # Folder of a Stable Diffusion model in diffusers' layout: unet/, vae/, scheduler/.
    cfg.MODEL.DCAC.DIFFUSION.WEIGHTS = ""
    # Height and width of the un-augmented view that the diffusion model sees, in pixels. Section 5.2: 128 x 128.
    cfg.MODEL.DCAC.DIFFUSION.SIZE = [128, 128]
    # Which weights of the U-Net train, Table 5: "frozen" or "lora".
    cfg.MODEL.DCAC.DIFFUSION.TUNING = "lora"

    # -- LoRA, Eq. 9 --
    cfg.MODEL.DCAC.LORA = CN()
    # Rank r. Section 5.2: 8; 32 for MS as the source and for every multi-source run.
    cfg.MODEL.DCAC.LORA.RANK = 8
    # s = ALPHA / RANK scales the update B A. The paper is silent; the release uses 1.
    cfg.MODEL.DCAC.LORA.ALPHA = 1.0

    # -- solver --
    # SOLVER.SCHED "EpochWarmupMultiStepLR": Section 5.2's schedule, stepped once per epoch e = 0, 1, ...:
    # linear warm-up from WARMUP_FACTOR over WARMUP_EPOCHS, then x GAMMA at every epoch of STEPS, counted from epoch 0.
    # (fast-reid's own schedules warm up by iterations and count STEPS from the end of the warm-up.)
    cfg.SOLVER.WARMUP_EPOCHS = 10
    # Besides SOLVER.CHECKPOINT_PERIOD, in epochs: a checkpoint `model_steps` after every so many steps, 0 for none.
    cfg.SOLVER.CHECKPOINT_STEPS = 0
    # Mixed precision where SOLVER.AMP.ENABLED: "fp16" with a loss scaler, as the release, or "bf16". On CPU only "bf16".
    cfg.SOLVER.AMP.DTYPE = "fp16"
