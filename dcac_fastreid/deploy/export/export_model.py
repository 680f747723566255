"""From a checkpoint to files that run without this package, each checked against PyTorch before it is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from dcac_fastreid.arguments import as_choice, as_path, as_text, shown_value
from dcac_fastreid.deploy.encoder import load_encoder
from dcac_fastreid.deploy.export.card import check_card
from dcac_fastreid.deploy.export.comparison import Comparison, Measured
from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.deploy.export.exported_program import exported_program
from dcac_fastreid.deploy.export.model_folder import share_encoder
from dcac_fastreid.deploy.export.onnx_file import OPSET, check_opset, onnx_content, onnx_runner, require_onnx
from dcac_fastreid.deploy.export.openvino_files import FOLDER as OPENVINO_FOLDER
from dcac_fastreid.deploy.export.openvino_files import openvino_contents, openvino_runner, require_openvino
from dcac_fastreid.deploy.export.reduced import FP32, Precision, Reduced, probe_and_calibration, reduced
from dcac_fastreid.deploy.export.torch_export_file import torch_export_content, torch_export_runner
from dcac_fastreid.deploy.images import counted
from dcac_fastreid.deploy.pixels import INSIDE, OUTSIDE
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files, write_whole

ONNX, TORCH_EXPORT, OPENVINO = "onnx", "torch-export", "OpenVINO"
FORMATS = {ONNX: ".onnx", TORCH_EXPORT: ".pt2"}  # and their files' suffixes
FULL_PRECISION = Precision()
NAME = "encoder"  # of the files in a folder
SHOWN = (
    "input",
    "output",
    "preparation",
    "normalization",
    "made_for",
    "selected_on_test_sets",
    "data_license",
    "weights_license",
)  # of the metadata, in a report


@dataclass(frozen=True)
class Export:
    """What was written of one encoder.

    files: with the number of bytes, and what was measured on the probe images.
    beside: of a folder the encoder's weights without pickle, their config and the card.
    reduced: of a precision below fp32 what was measured of it; `files` tells of the file before.
    """

    files: dict[Path, tuple[int, Measured]]
    probe: str
    metadata: dict[str, str]
    beside: list[Path]
    reduced: Reduced | None = None

    def report(self) -> str:
        lines = []
        for file, (size, measured) in self.files.items():
            full = f" in {self.reduced.name}; before, in fp32," if self.reduced else ";"
            lines.append(f"{file}: {size / 1e6:.1f} MB{full} against PyTorch, on {self.probe}:")
            lines += [f"  batch {batch}: {agreement}" for batch, agreement in measured.agreements.items()]
            threads = counted(torch.get_num_threads(), "thread")
            lines.append(f"  time for an image, CPU, {threads}, median (quartiles) in ms:")
            for batch, (before, after) in measured.latencies.items():
                ratio = after.median / before.median
                lines.append(f"  batch {batch}: PyTorch {before}, exported {after}, {ratio:.2f} of PyTorch's")
        lines += self.reduced.lines() if self.reduced else []
        lines += [f"{file}: {file.stat().st_size / 1e3:,.0f} kB" for file in self.beside]
        return "\n".join([*lines, *(f"{name}: {self.metadata[name]}" for name in SHOWN)])


@torch.no_grad()
def export_model(
    checkpoint: str | Path,
    output: str | Path,
    *,
    formats: list[str] | tuple[str, ...] = (),
    normalization: str = INSIDE,
    opset: int | None = None,
    probe_folder: str | Path | None = None,
    config_file: str | Path | None = None,
    data_license: str = "",
    weights_license: str = "",
    precision: Precision = FULL_PRECISION,
    openvino: bool = False,
) -> Export:
    """Writes encoder and BNNeck of a checkpoint, images in and unit features out, as ONNX and as a .pt2 of torch.export.

    What is checked is the content that is then written: features of probe images at several batch sizes, on the CPU,
    and the rankings by them. Files of these names that are there are overwritten, once all formats agree; where one does
    not, none is touched. A folder also gets the encoder's weights without pickle, their config and a card, see share_encoder.

    Args:
        output: a folder, for encoder.onnx, encoder.pt2 and what belongs to a model folder; or a file with one of these suffixes.
        formats: of FORMATS; () for all, or the one that the output's suffix says.
        normalization: of the pixels, "inside" the graph or "outside".
        opset: of ONNX; None for OPSET.
        probe_folder: of images to compare on; None for random ones.
        config_file: as load_encoder's.
        data_license, weights_license: as describe_export's.
        precision: of the ONNX file; below fp32 no other file is written.
        openvino: whether OpenVINO's files are written too, in a folder beside the ONNX file.
    Raises:
        Disagreement: a format's features or rankings are not PyTorch's, or a precision loses more than reduced.ASKED says.
        InputError: a wrong path, an encoder that cannot be exported, or probe images that tell nothing.
        ImportError: the libraries for ONNX are not there.
    """
    as_choice(normalization, "the normalization", (INSIDE, OUTSIDE))
    for license, of in ((data_license, "data"), (weights_license, "weights")):
        as_text(license, f"the license of the {of}")
    precision.check()
    if precision.name != FP32:
        formats = formats or [ONNX]
    files = output_files(output, formats)
    if precision.name != FP32 and list(files) != [ONNX]:
        raise InputError(
            f"the precision {precision.name} is of ONNX alone; name --format onnx, and a folder or a file .onnx"
        )
    if openvino:
        check_openvino(files, output, precision)
    folder = None if Path(output) in files.values() else Path(output)
    if folder:
        check_card(folder)
    if ONNX in files:
        opset = OPSET if opset is None else opset
        check_opset(opset)
        require_onnx()
    elif opset is not None:
        raise InputError(
            f"--opset {shown_value(opset)} is of ONNX, but what is asked for is {', '.join(files)}; leave --opset out"
        )
    encoder = load_encoder(checkpoint, device="cpu", config_file=config_file)
    probe, calibration = probe_and_calibration(encoder, probe_folder, precision)
    comparison = Comparison(encoder, probe, normalization)
    metadata = describe_export(
        encoder, normalization, precision=precision.name, data_license=data_license, weights_license=weights_license
    )
    program = exported_program(encoder, normalization)
    contents, runners = {}, {}
    for format in tqdm(files, desc="converting", unit="file", disable=None, leave=False):
        if format == ONNX:
            contents[format] = onnx_content(program, opset, metadata)
            runners[format] = onnx_runner(contents[format])
        else:
            contents[format] = torch_export_content(program, metadata)
            runners[format] = torch_export_runner(contents[format])
    made = openvino_contents(contents[ONNX]) if openvino else None
    measured = {format: comparison.measure(run, format) for format, run in runners.items()}
    measured |= {OPENVINO: comparison.measure(openvino_runner(made), OPENVINO)} if made else {}
    less = None
    if precision.name != FP32:
        contents[ONNX], less = reduced(contents[ONNX], encoder, normalization, probe, calibration, precision)
    for format, file in files.items():
        write_whole(file, lambda stream, content=contents[format]: stream.write(content))
    beside_onnx = made.files(folder / OPENVINO_FOLDER) if made else {}
    for file, content in beside_onnx.items():
        write_whole(file, lambda stream, content=content: stream.write(content))
    written = {file: (len(contents[format]), measured[format]) for format, file in files.items()}
    if made:
        written[next(iter(beside_onnx))] = sum(map(len, made)), measured[OPENVINO]
    terms = {"data_license": data_license, "weights_license": weights_license}
    beside = share_encoder(encoder, folder, list(files.values()), **terms) if folder else []
    return Export(written, probe.what, metadata, beside, less)


def check_openvino(files: Mapping[str, Path], output: str | Path, precision: Precision) -> None:
    """Raises: InputError: it is made of an ONNX file in fp32, in a folder. ImportError: OpenVINO is not there."""
    if ONNX not in files or Path(output) in files.values() or precision.name != FP32:
        raise InputError(
            "--openvino is made of the ONNX file in fp32 and lies beside it in a folder; what is asked for is "
            f"{', '.join(files)} in {precision.name}, in {output}: name a folder, and leave --format and --precision out"
        )
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
