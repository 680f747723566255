"""An encoder as one graph of PyTorch's: images in, unit features out, any batch size. B images, D feature width."""

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional

from dcac_fastreid.deploy.encoder import Encoder
from dcac_fastreid.errors import InputError

IMAGES, FEATURES, BATCH = "images", "features", "batch"  # names in the graph
INSIDE, OUTSIDE = "inside", "outside"  # where pixels are normalised


class UnitFeatures(nn.Module):
    """(B, 3, H, W), float, to (B, D) of unit length.

    Args:
        model: as Encoder.model; stays as it is, its weights are shared.
        normalization: "inside": images are RGB in [0, 255]. "outside": their pixels are normalised already.
    """

    def __init__(self, model: nn.Module, normalization: str):
        super().__init__()
        self.model = copy.copy(model)
        # fast-reid's own moves the images to the device that the model lies on now: a graph would do so for ever.
        self.model.preprocess_image = lambda batch: batch["images"]
        self.normalization = normalization
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        if self.normalization == INSIDE:
            images = (images - self.model.pixel_mean) / self.model.pixel_std
        return functional.normalize(self.model({"images": images}))


@torch.no_grad()
def exported_program(encoder: Encoder, normalization: str) -> torch.export.ExportedProgram:
    """The graph, without what ties it to this machine: the source lines that made it, with their folders, and the device.

    Raises: InputError: PyTorch cannot make a graph of this encoder.
    """
    example = torch.zeros(2, 3, *encoder.input_size, device=encoder.device)  # 2: PyTorch takes a size of 1 as fixed
    fast_attention = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator for a whole attention layer, which ONNX does not know
    try:
        program = torch.export.export(
            UnitFeatures(encoder.model, normalization),
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


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
