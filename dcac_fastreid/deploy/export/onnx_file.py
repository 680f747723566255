"""An exported program as an ONNX file's content, and how it is run."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from dcac_fastreid.arguments import shown_value
from dcac_fastreid.deploy.export.exported_program import BATCH, FEATURES, IMAGES
from dcac_fastreid.errors import InputError, first_line

OPSET = 18  # the lowest that PyTorch's exporter writes, without a conversion: most runtimes know it
HIGHEST_OPSET = 25  # the highest that its converter reaches and that onnxruntime has been seen to run
MOST_BYTES = 2**31 - 2**20  # of weights: a file is one message of Protocol Buffers, below 2 GiB


def require_onnx() -> None:
    """Raises ImportError: a library is missing or broken; the sentence says how to install them."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  PyTorch's exporter imports it
    except ImportError as error:
        raise ImportError(
            f"export to ONNX needs onnx, onnxruntime and onnxscript, not all of which can be imported ({error}); install "
            "them with: pip install onnx onnxruntime onnxscript, or leave ONNX out: --format torch-export"
        ) from error


def check_opset(opset: int) -> None:
    """Raises InputError: one that cannot be written."""
    if type(opset) is not int or not OPSET <= opset <= HIGHEST_OPSET:
        raise InputError(
            f"--opset is {shown_value(opset)}; expected {OPSET} to {HIGHEST_OPSET}, which PyTorch's exporter writes"
        )


def onnx_content(program: torch.export.ExportedProgram, opset: int, metadata: Mapping[str, str]) -> bytes:
    """Input "images" and output "features", their first dimension "batch"; the metadata are the model's properties.

    Raises: InputError: an operator that ONNX or this opset lacks, or more weights than a file can hold.
    """
    import onnx

    size = sum(weight.nbytes for weight in program.state_dict.values())
    if size > MOST_BYTES:
        raise InputError(
            f"the weights take {size / 1e9:.1f} GB, and an ONNX file holds less than 2.1 GB; take --format torch-export"
        )
    try:
        with without_remarks("onnxscript"):
            exported = torch.onnx.export(
                program, dynamo=True, input_names=[IMAGES], output_names=[FEATURES], opset_version=opset,
                optimize=True, verbose=False,
            )  # fmt: skip
        model = exported.model_proto
    except Exception as error:  # of an operator that it does not know, of several kinds
        raise InputError(
            f"PyTorch {torch.__version__} cannot write this encoder as ONNX ({first_line(error)}); "
            "try another --opset, or take --format torch-export"
        ) from error
    written = next(entry.version for entry in model.opset_import if entry.domain == "")
    if written != opset:
        raise InputError(f"PyTorch {torch.__version__} writes opset {written}, not {opset}; take --opset {written}")
    _name_batch(model.graph)
    onnx.helper.set_model_props(model, dict(metadata))
    return model.SerializeToString()


def onnx_runner(content: bytes) -> Callable[[Tensor], Tensor]:
    """Runs the content by onnxruntime on the CPU, with as many threads as PyTorch takes: (B, 3, H, W) to (B, D).

    Raises: InputError: this onnxruntime cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its exceptions have no common base
        raise InputError(
            f"onnxruntime {onnxruntime.__version__} cannot run the exported file ({first_line(error)}); try another --opset"
        ) from error
    return lambda images: torch.from_numpy(session.run([FEATURES], {IMAGES: images.numpy()})[0])


def _name_batch(graph) -> None:
    """PyTorch calls the free dimension of a graph by a symbol of its own, such as s34."""
    symbol = graph.input[0].type.tensor_type.shape.dim[0].dim_param
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if dimension.dim_param:
                dimension.dim_param = re.sub(rf"\b{re.escape(symbol)}\b", BATCH, dimension.dim_param)


@contextmanager
def without_remarks(logger_name: str) -> Iterator[None]:
    """onnxscript warns of every layer that it leaves as it is; onnxruntime's quantisation, by the root logger "", of none."""
    logger = logging.getLogger(logger_name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
