"""fast-reid's model of a config, and a sentence where the parts that the config names do not fit each other."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from dcac_fastreid.errors import InputError, one_sentence
from fastreid.modeling import build_model


@contextmanager
def parts_that_fit(cfg) -> Iterator[None]:
    """Raises InputError for whatever fast-reid's parts raise where they do not fit, KeyError or RuntimeError say."""
    try:
        yield
    except Exception as error:
        if one_sentence(error):  # also where memory is lacking
            raise
        backbone, heads = cfg.MODEL.BACKBONE, cfg.MODEL.HEADS
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"the model cannot be made of MODEL.META_ARCHITECTURE {cfg.MODEL.META_ARCHITECTURE}, BACKBONE.NAME {backbone.NAME} "
            f"(DEPTH {backbone.DEPTH}, FEAT_DIM {backbone.FEAT_DIM}) and HEADS.NAME {heads.NAME} (POOL_LAYER {heads.POOL_LAYER}) "
            f"for images of INPUT.SIZE_TRAIN {cfg.INPUT.SIZE_TRAIN}: {type(error).__name__}: {reason}; compare them with a config "
            "of fast-reid for this backbone"
        ) from error


def build_reid_model(cfg) -> nn.Module:
    """fast-reid's build_model; raises as `parts_that_fit`."""
    with parts_that_fit(cfg):
        return build_model(cfg)
