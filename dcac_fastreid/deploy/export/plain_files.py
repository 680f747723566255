"""The plain files of an export: which are they, and may they be written?"""

from collections.abc import Mapping
from pathlib import Path

from dcac_fastreid.arguments import as_choice, as_path, shown_value
from dcac_fastreid.deploy.encoder_files import CONFIG, ENCODER
from dcac_fastreid.deploy.export.card import check_card
from dcac_fastreid.deploy.export.earlier_files import refuse_earlier_files
from dcac_fastreid.deploy.export.openvino_files import FOLDER as OPENVINO_FOLDER
from dcac_fastreid.deploy.export.openvino_files import check_openvino_folder, require_openvino
from dcac_fastreid.deploy.export.options import Options
from dcac_fastreid.deploy.export.reduced import FP32, Precision
from dcac_fastreid.deploy.pixels import INSIDE, OUTSIDE
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files

ONNX, TORCH_EXPORT = "onnx", "torch-export"
FORMATS = {ONNX: ".onnx", TORCH_EXPORT: ".pt2"}  # and their files' suffixes
NAME = "encoder"  # of the files in a folder


def check_model(
    output: str | Path, formats: list[str] | tuple[str, ...], normalization: str, options: Options
) -> tuple[dict[str, Path], Path | None]:
    """Asks before the work; makes nothing. Args: as make_model's.

    Returns: the file of each format, and the folder where the output is one.
    Raises: InputError: what cannot be, or does not go together. ImportError: libraries are not there.
    """
    as_choice(normalization, "the normalization", (INSIDE, OUTSIDE))
    options.check()
    precision = options.precision
    if precision.name != FP32:
        formats = formats or [ONNX]
    files = output_files(output, formats)
    if precision.name != FP32 and list(files) != [ONNX]:
        raise InputError(
            f"the precision {precision.name} is of ONNX alone; name --format onnx, and a folder or a file .onnx"
        )
    if options.openvino:
        check_openvino(files, output, precision)
    folder = None if Path(output) in files.values() else Path(output)
    if folder:
        check_card(folder)
        refuse_no_files(folder / ENCODER, folder / CONFIG)
        openvino = [OPENVINO_FOLDER] if options.openvino else []
        refuse_earlier_files(folder, [*(file.name for file in files.values()), ENCODER, CONFIG, *openvino])
    if ONNX in files:
        options.onnx_opset()
    elif options.opset is not None:
        raise InputError(
            f"--opset {shown_value(options.opset)} is of ONNX, but what is asked for is {', '.join(files)}; leave --opset out"
        )
    return files, folder


def check_openvino(files: Mapping[str, Path], output: str | Path, precision: Precision) -> None:
    """Raises: InputError: it is made of an ONNX file in fp32, in a folder. ImportError: OpenVINO is not there."""
    if ONNX not in files or Path(output) in files.values() or precision.name != FP32:
        raise InputError(
            "--openvino is made of the ONNX file in fp32 and lies beside it in a folder; what is asked for is "
            f"{', '.join(files)} in {precision.name}, in {output}: name a folder, and leave --format and --precision out"
        )
    check_openvino_folder(Path(output) / OPENVINO_FOLDER)
    require_openvino()


def output_files(output: str | Path, formats: list[str] | tuple[str, ...] = ()) -> dict[str, Path]:
    """The file of each format; makes nothing.

    Raises: InputError: a file's suffix and the formats contradict each other, a suffix of no format, or a folder that cannot be
        made or written.
    """
    path = as_path(output, "--output")
    if not isinstance(formats, list | tuple):
        raise InputError(f"the formats are {shown_value(formats)}; expected a list of {', '.join(FORMATS)}")
    for format in formats:
        as_choice(format, "a format", FORMATS)
    by_suffix = {suffix: format for format, suffix in FORMATS.items()}
    if path.suffix in by_suffix and not path.is_dir():
        format = by_suffix[path.suffix]
        if set(formats) - {format}:
            raise InputError(
                f"--output {path} is a file of format {format}, but --format asks for {', '.join(formats)}; name a folder"
            )
        files = {format: path}
    else:
        if path.suffix and not path.is_dir():
            raise InputError(
                f"--output {path} is no folder that is there, and {path.suffix} is no ending of an exported file; name a "
                f"file that ends in {' or '.join(by_suffix)}, or a folder"
            )
        files = {format: path / f"{NAME}{FORMATS[format]}" for format in formats or FORMATS}
    folder = next(iter(files.values())).absolute().parent
    check_writable(folder, "--output leads to", f"name a folder, or a file that ends in {' or '.join(by_suffix)}")
    refuse_no_files(*files.values())
    return files
