"""The model that a script builds."""

from torch import nn

from dcac_fastreid import data
from dcac_fastreid.host_scripts.registered import told_in_a_sentence
from fastreid import modeling

host_build_model = modeling.build_model


def build_model(cfg) -> nn.Module:
    """fast-reid's, where MODEL.BACKBONE.PRETRAIN_PATH may also name a small part, synthetic:NAME.

    Raises: InputError: an architecture, backbone or head that nobody has registered.
    """
    with told_in_a_sentence():
        return host_build_model(data.with_local_weights(cfg))
