"""Values of keys that are none, or do not go together."""

import pytest

from .case import DCAC, Case

RESNET = "MODEL.BACKBONE.NAME build_resnet_backbone MODEL.BACKBONE.PRETRAIN False MODEL.HEADS.POOL_LAYER GlobalAvgPool"

CASES = [
    Case(
        "unknown data set",
        "DATASETS.NAMES holds 'Market1502'; known are .*DG_Market1501",
        "DATASETS.NAMES ('Market1502',)",
    ),
    Case("a word for a list", "DATASETS.TESTS is 'DG_Market1501'; expected a list", "DATASETS.TESTS ('DG_Market1501')"),
    Case("no test set", "DATASETS.TESTS is empty", "DATASETS.TESTS ()"),
    Case("unknown architecture", "META_ARCHITECTURE is 'DCAD'; known are .*DCAC", "MODEL.META_ARCHITECTURE DCAD"),
    Case("unknown backbone", "BACKBONE.NAME is 'clip'; known are .*build_clip_vit", "MODEL.BACKBONE.NAME clip"),
    Case("unknown pooling", "POOL_LAYER is 'avg'; known are .*GlobalAvgPool", "MODEL.HEADS.POOL_LAYER avg"),
    Case(
        "unknown loss",
        "has 'TripletLos'; losses of PrototypicalBaseline are IDLoss",
        "MODEL.LOSSES.NAME ('TripletLos',)",
    ),
    Case(
        "unknown loss of fast-reid's Baseline",
        "has 'CrossEntropyLos'; losses of Baseline are CrossEntropyLoss, TripletLoss",
        "MODEL.META_ARCHITECTURE Baseline MODEL.LOSSES.NAME ('CrossEntropyLos',)",
    ),
    Case(
        "a loss that fast-reid's Baseline does not compute",
        "has 'IDLoss'; losses of Baseline are CrossEntropyLoss, TripletLoss",
        "MODEL.META_ARCHITECTURE Baseline",
    ),
    Case("no loss", "MODEL.LOSSES.NAME is empty", "MODEL.LOSSES.NAME ()"),
    Case("one loss twice", "has both IDLoss .* and fast-reid's", "MODEL.LOSSES.NAME ('IDLoss','CrossEntropyLoss')"),
    Case("unknown conditioner", "NAME is 'Correlation'; known", "MODEL.DCAC.CONDITIONER.NAME Correlation", config=DCAC),
    Case("unknown view", "VIEW is 'other'; known are camera, identity, same", "MODEL.DCAC.CONDITIONER.VIEW other"),
    Case(
        "view and shuffle",
        "VIEW is 'identity', but SHUFFLE True",
        "MODEL.DCAC.CONDITIONER.VIEW identity MODEL.DCAC.CONDITIONER.SHUFFLE True",
        config=DCAC,
    ),
    Case(
        "views and lone images",
        "VIEW is 'camera', but NaiveIdentitySampler with DATALOADER.NUM_INSTANCE 1 brings no other image",
        "MODEL.DCAC.CONDITIONER.VIEW camera DATALOADER.NUM_INSTANCE 1",
        config=DCAC,
    ),
    Case(
        "views and images at random",
        "VIEW is 'identity', but TrainingSampler with",
        "MODEL.DCAC.CONDITIONER.VIEW identity DATALOADER.SAMPLER_TRAIN TrainingSampler",
        config=DCAC,
    ),
    Case(
        "no gradient of the only loss",
        "MODEL.LOSSES.NAME is empty, and ClassWiseConditioner with RESCALE True",
        "MODEL.LOSSES.NAME () MODEL.DCAC.CONDITIONER.NAME ClassWiseConditioner MODEL.DCAC.CONDITIONER.RESCALE True",
        config=DCAC,
    ),
    Case(
        "nothing to learn from",
        "MODEL.LOSSES.NAME is empty and MODEL.DCAC.LAMBDA 0",
        "MODEL.LOSSES.NAME () MODEL.DCAC.LAMBDA 0",
        config=DCAC,
    ),
    Case(
        "nothing to balance",
        "BALANCE is 0.3, but MODEL.LOSSES.NAME empty",
        "MODEL.LOSSES.NAME () MODEL.DCAC.BALANCE 0.3",
        config=DCAC,
    ),
    Case(
        "unknown tuning",
        "TUNING is 'loar'; known are frozen, full, lora",
        "MODEL.DCAC.DIFFUSION.TUNING loar",
        config=DCAC,
    ),
    Case("rank 0", "LORA.RANK is 0; expected a whole number from 1 to", "MODEL.DCAC.LORA.RANK 0", config=DCAC),
    Case("unknown schedule", "SOLVER.SCHED is 'Cosine'; known are CosineAnnealingLR", "SOLVER.SCHED Cosine"),
    Case(
        "fast-reid's warm-up with our schedule",
        "set WARMUP_ITERS and DELAY_EPOCHS to 0, got 100",
        "SOLVER.WARMUP_ITERS 100",
    ),
    Case("unknown optimizer", "SOLVER.OPT is 'Adm'; known are .*Adam, AdamW", "SOLVER.OPT Adm"),
    Case(
        "a negative micro-batch",
        "MICRO_BATCH is -1; expected a whole number, 0 or more; 0 for the whole batch",
        "SOLVER.MICRO_BATCH -1",
    ),
    Case(
        "micro-batches of fast-reid's Baseline",
        "MICRO_BATCH is 4, which Baseline cannot",
        "SOLVER.MICRO_BATCH 4 MODEL.META_ARCHITECTURE Baseline MODEL.LOSSES.NAME ('TripletLoss',)",
    ),
    Case(
        "micro-batches under batch normalisation",
        "build_resnet_backbone has batch normalisation",
        f"SOLVER.MICRO_BATCH 4 {RESNET}",
    ),
    Case(
        "activation checkpointing of a ResNet",
        "CHECKPOINT_ACTIVATIONS is True, which build_resnet_backbone does not offer",
        f"SOLVER.CHECKPOINT_ACTIVATIONS True {RESNET}",
    ),
    Case("a depth that is none", "cannot be made of .*DEPTH 51x", f"{RESNET} MODEL.BACKBONE.DEPTH 51x"),
    Case(
        "features of another width",
        "FEAT_DIM is 100, but build_clip_vit_backbone|FEAT_DIM is 100, but .* gives",
        "MODEL.BACKBONE.FEAT_DIM 100",
    ),
    Case(
        "two sizes",
        "SIZE_TRAIN .64, 32. and SIZE_TEST .128, 64. must agree",
        "INPUT.SIZE_TRAIN [64,32] INPUT.SIZE_TEST [128,64]",
    ),
    Case("one side for a size", "SIZE_TRAIN is .64., which brings images to no common", "INPUT.SIZE_TRAIN [64]"),
    Case(
        "LoRA of layers that are none",
        "LORA.TARGETS|LoRA targets",
        "MODEL.DCAC.LORA.TARGETS ('to_x',)",
        config=DCAC,
    ),
    Case(
        "re-ranking over more than its neighbours",
        "RERANK.K2 is 9, above TEST.RERANK.K1 5",
        "TEST.RERANK.ENABLED True TEST.RERANK.K1 5 TEST.RERANK.K2 9",
    ),
    Case("no epochs", "SOLVER.MAX_EPOCH is 0; expected a whole number from 1", "SOLVER.MAX_EPOCH 0"),
    Case(
        "negative period",
        "TEST.EVAL_PERIOD is -1; expected a whole number, 0 or more; 0 for never",
        "TEST.EVAL_PERIOD -1",
    ),
    Case("unknown distance", "TEST.METRIC is 'l2'; known are cosine, euclidean", "TEST.METRIC l2"),
    Case("negative seed", "SEED is -7; expected a whole number", "SEED -7"),
    Case("unknown precision", "AMP.DTYPE is 'fp8'; known are bf16, fp16", "SOLVER.AMP.DTYPE fp8"),
    Case("fp16 on the CPU", "fp16 training needs a GPU", "MODEL.DEVICE cpu SOLVER.AMP.ENABLED True"),
    Case("features before the neck", "NECK_FEAT is 'before'.*set 'after'", "MODEL.HEADS.NECK_FEAT before"),
    Case(
        "temperature 0",
        "CONDITIONER.TAU is 0.0; expected a number from 1e-06",
        "MODEL.DCAC.CONDITIONER.TAU 0.0",
        config=DCAC,
    ),
    Case("momentum 2", "MOMENTUM is 2.0; expected a number from 0 to 1", "MODEL.LOSSES.PCL.MOMENTUM 2.0"),
    Case(
        "a crop that the padding does not fill",
        "smaller than INPUT.SIZE_TRAIN",
        "INPUT.CROP.ENABLED True INPUT.CROP.SIZE [64,32]",
    ),
    Case(
        "a size that the patches do not divide",
        "multiple of the patch size 16",
        "INPUT.SIZE_TRAIN [100,64] INPUT.SIZE_TEST [100,64]",
    ),
    Case(
        "more processes than cores can share",
        "--num-gpus is 999, PyTorch finds no GPU",
        "--num-gpus 999",
        without_gpu=True,
    ),
    Case("processes that do not divide the batch", "which 3 processes do not divide evenly", "--num-gpus 3"),
    Case(
        "CUDA asked for and absent",
        "MODEL.DEVICE is cuda, but PyTorch finds no GPU",
        "MODEL.DEVICE cuda",
        without_gpu=True,
    ),
    Case("a section for a key", "config key 'MODEL.HEADS' .* is a section; give one of its keys", "MODEL.HEADS x"),
    Case("no device", "MODEL.DEVICE is 'gpu', which is no device", "MODEL.DEVICE gpu"),
    Case(
        "a data set for PreciseBN that is unknown",
        "PRECISE_BN.DATASET is 'Nope'; known",
        "TEST.PRECISE_BN.ENABLED True TEST.PRECISE_BN.DATASET Nope",
    ),
    Case("fewer classes than identities", "NUM_CLASSES is 4, DG_Market1501 has 8", "MODEL.HEADS.NUM_CLASSES 4"),
    Case(
        "more classes than identities",
        "NUM_CLASSES is 20, but DG_Market1501 has 8 identities",
        "MODEL.HEADS.NUM_CLASSES 20",
    ),
    Case(
        "re-ranking among too few",
        "TEST.RERANK.K1 asks for 500 images, query and gallery of DG_DukeMTMC have",
        "TEST.RERANK.ENABLED True TEST.RERANK.K1 500",
    ),
    # -- the sampler --
    Case("unknown sampler", "SAMPLER_TRAIN.*'RandomSampler'", "DATALOADER.SAMPLER_TRAIN RandomSampler"),
    Case(
        "a batch that K does not divide",
        "IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 6",
        "DATALOADER.NUM_INSTANCE 6",
    ),
    Case(
        "K above the batch",
        "IMS_PER_BATCH 16 is no multiple of DATALOADER.NUM_INSTANCE 32",
        "DATALOADER.NUM_INSTANCE 32",
    ),
    Case("fewer identities than P", "DG_Market1501 has 8 identities, a batch needs 12", "SOLVER.IMS_PER_BATCH 48"),
    Case(
        "SetReWeightSampler",
        "SetReWeightSampler, which fails in every version.*use one of",
        "DATALOADER.SAMPLER_TRAIN SetReWeightSampler",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, stops):
    stops(case)
