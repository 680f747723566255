"""An encoder as one graph of PyTorch's: images in, unit features out, any batch size. B images, D feature width."""

import torch

from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.deploy.unit_features import UnitFeatures
from dcac_fastreid.errors import InputError, first_line

IMAGES, FEATURES, BATCH = "images", "features", "batch"  # names in the graph


@torch.no_grad()
def exported_program(encoder: Encoder, pixels: str) -> torch.export.ExportedProgram:
    """The graph, without what ties it to this machine: the source lines that made it, with their folders, and the device.

    Args: pixels: that the graph is fed with, a name of pixels.py.
    Raises: InputError: PyTorch cannot make a graph of this encoder.
    """
    example = torch.zeros(2, 3, *encoder.input_size, device=encoder.device)  # 2: PyTorch takes a size of 1 as fixed
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole attention layer, which ONNX does not know
    try:
        program = torch.export.export(
            UnitFeatures(encoder.model, pixels),
            (example,),
            dynamic_shapes={IMAGES: {0: torch.export.Dim(BATCH)}},
            strict=False,
        )
    except Exception as error:  # of a foreign backbone, whatever its code meets
        raise InputError(
            f"PyTorch {torch.__version__} cannot export {encoder.cfg.MODEL.BACKBONE.NAME} as a graph "
            f"({first_line(error)}); a backbone may not decide by the values of its tensors"
        ) from error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_attention)
    for part in program.graph_module.modules():
        if isinstance(part, torch.fx.GraphModule):
            _make_portable(part)
    return program


def _make_portable(graph: torch.fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if node.target == torch.ops.aten._assert_tensor_metadata.default:
            graph.graph.erase_node(node)  # that a tensor lies on this device
        node.meta.pop("stack_trace", None)
    graph.recompile()
