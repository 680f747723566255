"""An ONNX file's content in fewer bits: fp16, or int8 by static quantisation. N images."""

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from dcac_fastreid.deploy.export.exported_program import IMAGES
from dcac_fastreid.deploy.export.onnx_file import without_remarks
from dcac_fastreid.errors import InputError, first_line

# What stays in fp32 in an fp16 file: sums of squares, which may go beyond fp16's 65,504; and layer normalisation, in whose fp16
# form onnxruntime 1.24 and 1.32 crash on the CPU while they open the file.
KEPT_IN_FP32 = ("LayerNormalization", "Pow", "ReduceL2", "Softmax")
QUANTISED = ("Conv", "Gemm", "MatMul")  # with weights; the others cost accuracy and little time
BATCH = 8


def as_fp16(content: bytes) -> bytes:
    """Weights and most of the arithmetic in fp16; images and features stay float32, of length 1 ± 5e-4."""
    import onnx
    from onnxruntime.transformers import float16

    model = onnx.load_from_string(content)
    blocked = [*float16.DEFAULT_OP_BLOCK_LIST, *KEPT_IN_FP32]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of every weight that is too small for fp16
        model = float16.convert_float_to_float16(model, keep_io_types=True, op_block_list=blocked)
    return model.SerializeToString()


def as_int8(content: bytes, images: Tensor) -> bytes:
    """Weights in 8 bits, channel by channel; activations in 8 bits, whose ranges are those of the images.

    Args: images: (N, 3, H, W), as the file is fed with: crops of people.
    Raises: InputError: onnxruntime cannot quantise this encoder.
    """
    import onnx
    from onnxruntime import quantization

    class Crops(quantization.CalibrationDataReader):
        def __init__(self):
            self._batches: Iterator[np.ndarray] = (part.numpy() for part in images.split(BATCH))

        def get_next(self) -> dict | None:
            batch = next(self._batches, None)
            return None if batch is None else {IMAGES: batch}

    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        before.write_bytes(content)
        try:
            with without_remarks(""):
                quantization.quantize_static(
                    before, after, Crops(), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
                    reduce_range=True,  # 7 bits: CPUs without VNNI overflow in 8
                    op_types_to_quantize=list(QUANTISED), extra_options={"MatMulConstBOnly": True},
                )  # fmt: skip
        except Exception as error:  # of several kinds
            raise InputError(
                f"onnxruntime cannot quantise this encoder ({first_line(error)}); take --precision fp16"
            ) from error
        made = onnx.load(after)
    del made.metadata_props[:]  # quantize_static may drop or double them
    made.metadata_props.extend(onnx.load_from_string(content).metadata_props)
    return made.SerializeToString()
