"""What may each key of fast-reid's own config hold? In the order of fastreid/config/defaults.py, which has the default values."""

from dcac_fastreid.config.rules import (
    choice,
    flag,
    number,
    path,
    probability,
    registered,
    several,
    side,
    span,
    text,
    whole,
)
from fastreid.data.datasets import DATASET_REGISTRY
from fastreid.layers import any_softmax, pooling
from fastreid.modeling.backbones import BACKBONE_REGISTRY
from fastreid.modeling.heads import REID_HEADS_REGISTRY
from fastreid.modeling.meta_arch import META_ARCH_REGISTRY

# Each trains with a group for every parameter, as fast-reid makes them: tests/compat/test_solver.py.
OPTIMIZERS = (
    "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adafactor", "Adagrad", "Adadelta", "ASGD", "RMSprop", "Rprop",
    "Lamb",
)  # fmt: skip
# The last fails in every version of fast-reid, as data/samplers.py tells.
SAMPLERS = (
    "RandomIdentitySampler", "HardIdentitySampler",  # ours
    "TrainingSampler", "NaiveIdentitySampler", "BalancedIdentitySampler", "ImbalancedDatasetSampler", "SetReWeightSampler",
)  # fmt: skip
SCHEDULES = ("EpochWarmupMultiStepLR", "MultiStepLR", "CosineAnnealingLR")
NORMS = choice("BN", "syncBN", "GhostBN", "FrozenBN", "GN")
PERIOD = whole(note="0 for never")
MARGIN = number()
# fast-reid takes one number for the shorter side, and 0 for the size that an image has; what a training or a test can do
# with them is a question of INPUT.CROP too: engine/settings.py.
SIZE = several(side(least=0), 1, 2)
# The host's registries have no public list of their names.
DATA_SET = registered(lambda: DATASET_REGISTRY._obj_map)

# Name of the key to its rule; what a number means where its name does not tell.
HOST_KEYS = {
    "MODEL.DEVICE": text(empty=False),  # cuda, cuda:1 or cpu; whether this machine has it: engine/config_file.py
    "MODEL.META_ARCHITECTURE": registered(lambda: META_ARCH_REGISTRY._obj_map),
    "MODEL.FREEZE_LAYERS": several(text(empty=False), distinct=True),  # children of the model
    "MODEL.QUEUE_SIZE": whole(1, 10**6),  # features that MoCo remembers
    # -- the backbone; its families, depths and strides that fit are tried out before a run: engine/trial_model.py --
    "MODEL.BACKBONE.NAME": registered(lambda: BACKBONE_REGISTRY._obj_map),
    "MODEL.BACKBONE.DEPTH": text(empty=False),
    "MODEL.BACKBONE.LAST_STRIDE": whole(1, 2),
    "MODEL.BACKBONE.FEAT_DIM": whole(1, 65536),
    "MODEL.BACKBONE.NORM": NORMS,
    "MODEL.BACKBONE.WITH_IBN": flag(),
    "MODEL.BACKBONE.WITH_SE": flag(),
    "MODEL.BACKBONE.WITH_NL": flag(),
    "MODEL.BACKBONE.SIE_COE": number(0),  # factor of a camera's embedding
    "MODEL.BACKBONE.STRIDE_SIZE": several(side(), 2),
    "MODEL.BACKBONE.DROP_PATH_RATIO": number(0, below=1),
    "MODEL.BACKBONE.DROP_RATIO": number(0, below=1),
    "MODEL.BACKBONE.ATT_DROP_RATE": number(0, below=1),
    "MODEL.BACKBONE.PRETRAIN": flag(),
    "MODEL.BACKBONE.PRETRAIN_PATH": path(),
    # -- the head --
    "MODEL.HEADS.NAME": registered(lambda: REID_HEADS_REGISTRY._obj_map),
    "MODEL.HEADS.NORM": NORMS,
    "MODEL.HEADS.NUM_CLASSES": whole(0, 10**6, "0 counts the identities of the training set"),
    "MODEL.HEADS.EMBEDDING_DIM": whole(0, 65536, "0 for the backbone's own width"),
    "MODEL.HEADS.WITH_BNNECK": flag(),
    "MODEL.HEADS.NECK_FEAT": choice("before", "after"),
    "MODEL.HEADS.POOL_LAYER": registered(lambda: pooling.__all__),
    "MODEL.HEADS.CLS_LAYER": registered(lambda: any_softmax.__all__),
    "MODEL.HEADS.MARGIN": MARGIN,
    "MODEL.HEADS.SCALE": whole(1, 10**6),  # of the logits
    # -- losses; which of them an architecture computes: losses/registry.py --
    "MODEL.LOSSES.NAME": several(text(empty=False), distinct=True),
    "MODEL.LOSSES.CE.EPSILON": number(-1, below=1),  # of the label smoothing; below 0, by the sample's own probability
    "MODEL.LOSSES.CE.ALPHA": probability(),
    "MODEL.LOSSES.CE.SCALE": number(0),
    "MODEL.LOSSES.FL.ALPHA": probability(),
    "MODEL.LOSSES.FL.GAMMA": whole(0, 100),
    "MODEL.LOSSES.FL.SCALE": number(0),
    "MODEL.LOSSES.TRI.MARGIN": number(0),  # 0: without one, a soft margin
    "MODEL.LOSSES.TRI.NORM_FEAT": flag(),
    "MODEL.LOSSES.TRI.HARD_MINING": flag(),
    "MODEL.LOSSES.TRI.SCALE": number(0),
    "MODEL.LOSSES.CIRCLE.MARGIN": MARGIN,
    "MODEL.LOSSES.CIRCLE.GAMMA": whole(1, 10**6),
    "MODEL.LOSSES.CIRCLE.SCALE": number(0),
    "MODEL.LOSSES.COSFACE.MARGIN": MARGIN,
    "MODEL.LOSSES.COSFACE.GAMMA": whole(1, 10**6),
    "MODEL.LOSSES.COSFACE.SCALE": number(0),
    "MODEL.WEIGHTS": path(),
    # Of each channel, in 0..255; []: of the model's own training images.
    "MODEL.PIXEL_MEAN": several(number(-255, 255), 0, 3),
    "MODEL.PIXEL_STD": several(number(1e-3, 255), 0, 3),
    # -- distillation, of fast-reid's Distiller alone --
    "KD.MODEL_CONFIG": several(path()),
    "KD.MODEL_WEIGHTS": several(path()),
    "KD.EMA.ENABLED": flag(),
    "KD.EMA.MOMENTUM": probability(),
    # -- images; a PROB is that of one image --
    "INPUT.SIZE_TRAIN": SIZE,  # height and width in pixels
    "INPUT.SIZE_TEST": SIZE,
    "INPUT.CROP.ENABLED": flag(),
    "INPUT.CROP.SIZE": several(side(), 1, 2),
    "INPUT.CROP.SCALE": span(number(1e-3, 1)),  # share of the image's area, least and most
    "INPUT.CROP.RATIO": span(number(1e-2, 100)),  # width to height
    "INPUT.FLIP.ENABLED": flag(),
    "INPUT.FLIP.PROB": probability(),
    "INPUT.PADDING.ENABLED": flag(),
    "INPUT.PADDING.MODE": choice("constant", "edge", "reflect", "symmetric"),
    "INPUT.PADDING.SIZE": whole(0, 1000),
    "INPUT.CJ.ENABLED": flag(),
    "INPUT.CJ.PROB": probability(),
    "INPUT.CJ.BRIGHTNESS": number(0, 100),
    "INPUT.CJ.CONTRAST": number(0, 100),
    "INPUT.CJ.SATURATION": number(0, 100),
    "INPUT.CJ.HUE": number(0, 0.5),
    "INPUT.AFFINE.ENABLED": flag(),
    "INPUT.AUTOAUG.ENABLED": flag(),
    "INPUT.AUTOAUG.PROB": probability(),
    "INPUT.AUGMIX.ENABLED": flag(),
    "INPUT.AUGMIX.PROB": probability(),
    "INPUT.REA.ENABLED": flag(),
    "INPUT.REA.PROB": probability(),
    "INPUT.REA.VALUE": several(number(0, 255), 3),  # of each channel
    "INPUT.RPT.ENABLED": flag(),
    "INPUT.RPT.PROB": probability(),
    # -- data --
    "DATASETS.NAMES": several(DATA_SET, distinct=True),
    "DATASETS.TESTS": several(DATA_SET, distinct=True),
    "DATASETS.COMBINEALL": flag(),
    "DATALOADER.SAMPLER_TRAIN": registered(lambda: SAMPLERS),
    "DATALOADER.NUM_INSTANCE": whole(1),
    "DATALOADER.NUM_WORKERS": whole(0, 1024),
    "DATALOADER.SET_WEIGHT": several(number(0)),  # of SetReWeightSampler
    # -- solver --
    "SOLVER.AMP.ENABLED": flag(),
    "SOLVER.OPT": registered(lambda: OPTIMIZERS),
    "SOLVER.MAX_EPOCH": whole(1, 10**6),
    "SOLVER.BASE_LR": number(0),  # a training asks for more than 0, a measurement of its steps does not
    "SOLVER.HEADS_LR_FACTOR": number(least=0),
    "SOLVER.MOMENTUM": number(0, below=1),
    "SOLVER.NESTEROV": flag(),
    "SOLVER.WEIGHT_DECAY": number(0),
    "SOLVER.WEIGHT_DECAY_NORM": number(0),
    "SOLVER.BIAS_LR_FACTOR": number(least=0),
    "SOLVER.WEIGHT_DECAY_BIAS": number(0),
    "SOLVER.SCHED": registered(lambda: SCHEDULES),
    "SOLVER.DELAY_EPOCHS": whole(),
    "SOLVER.GAMMA": number(most=1, above=0),
    "SOLVER.STEPS": several(whole(), rising=True),  # epochs
    "SOLVER.ETA_MIN_LR": number(0),
    "SOLVER.WARMUP_FACTOR": probability(),
    "SOLVER.WARMUP_ITERS": whole(),
    "SOLVER.WARMUP_METHOD": choice("linear", "constant"),
    "SOLVER.FREEZE_ITERS": whole(),
    "SOLVER.CHECKPOINT_PERIOD": PERIOD,  # epochs
    "SOLVER.IMS_PER_BATCH": whole(1),
    "SOLVER.CLIP_GRADIENTS.ENABLED": flag(),
    "SOLVER.CLIP_GRADIENTS.CLIP_TYPE": choice("norm", "value"),
    "SOLVER.CLIP_GRADIENTS.CLIP_VALUE": number(above=0),
    "SOLVER.CLIP_GRADIENTS.NORM_TYPE": number(above=0, infinite=True),  # p of the p-norm
    # -- the test --
    "TEST.EVAL_PERIOD": PERIOD,  # epochs
    "TEST.IMS_PER_BATCH": whole(1),
    "TEST.METRIC": registered(lambda: ("cosine", "euclidean")),
    "TEST.ROC.ENABLED": flag(),
    "TEST.FLIP.ENABLED": flag(),
    "TEST.AQE.ENABLED": flag(),
    "TEST.AQE.ALPHA": number(0, 100),  # a neighbour's weight is its similarity to this power
    "TEST.AQE.QE_TIME": whole(1, 100),
    "TEST.AQE.QE_K": whole(1),
    "TEST.RERANK.ENABLED": flag(),
    "TEST.RERANK.K1": whole(1),
    "TEST.RERANK.K2": whole(1),
    "TEST.RERANK.LAMBDA": probability(),  # weight of the distances beside the Jaccard distances
    "TEST.PRECISE_BN.ENABLED": flag(),
    "TEST.PRECISE_BN.DATASET": DATA_SET,
    "TEST.PRECISE_BN.NUM_ITER": whole(1),
    # -- others --
    "OUTPUT_DIR": path(),
    "CUDNN_BENCHMARK": flag(),
}
