"""From a checkpoint to files that run without this package, each checked against PyTorch before it is written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from dcac_fastreid.deploy.encoder import Encoder, open_encoder
from dcac_fastreid.deploy.export.comparison import Comparison, Measured
from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.deploy.export.exported_program import exported_program
from dcac_fastreid.deploy.export.model_folder import share_encoder
from dcac_fastreid.deploy.export.onnx_file import onnx_content, onnx_runner
from dcac_fastreid.deploy.export.openvino_files import FOLDER as OPENVINO_FOLDER
from dcac_fastreid.deploy.export.openvino_files import openvino_contents, openvino_runner
from dcac_fastreid.deploy.export.options import Options
from dcac_fastreid.deploy.export.plain_files import ONNX, check_model
from dcac_fastreid.deploy.export.reduced import FP32, Reduced, probe_and_calibration, reduced
from dcac_fastreid.deploy.export.torch_export_file import torch_export_content, torch_export_runner
from dcac_fastreid.deploy.images import counted
from dcac_fastreid.deploy.pixels import INSIDE
from dcac_fastreid.output_files import write_contents

OPENVINO = "OpenVINO"
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
    """The files of one encoder, made and compared; `write` writes them.

    files: with the number of bytes, and what was measured on the probe images. contents: of all of them.
    folder: that also gets the encoder's weights without pickle, their config and the card: `beside`, once they are written.
    reduced: of a precision below fp32 what was measured of it; `files` tells of the file before.
    """

    encoder: Encoder
    files: dict[Path, tuple[int, Measured]]
    contents: dict[Path, bytes]
    folder: Path | None
    options: Options
    probe: str
    metadata: dict[str, str]
    reduced: Reduced | None = None
    beside: list[Path] = field(default_factory=list)

    def write(self) -> None:
        """Raises: InputError: a file cannot be written."""
        write_contents(self.contents)
        if self.folder:
            self.beside.extend(share_encoder(self.encoder, self.folder, list(self.files), **self.options.licenses))

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


def export_model(
    checkpoint: str | Path,
    output: str | Path,
    *,
    formats: list[str] | tuple[str, ...] = (),
    normalization: str = INSIDE,
    **options: Any,
) -> Export:
    """Writes encoder and BNNeck of a checkpoint, images in and unit features out, as ONNX and as a .pt2 of torch.export.

    Args: as make_model's. options: of Options, by their names.
    Raises: as make_model, or a file cannot be written.
    """
    export = make_model(checkpoint, output, formats, normalization, Options(**options))
    export.write()
    return export


@torch.no_grad()
def make_model(
    checkpoint: str | Path,
    output: str | Path,
    formats: list[str] | tuple[str, ...],
    normalization: str,
    options: Options,
) -> Export:
    """What export_model writes, before it is written.

    What is checked is the content that is then written: features of probe images at several batch sizes, on the CPU,
    and the rankings by them. Files of these names that are there are overwritten, once all formats agree; where one does
    not, none is touched. A folder also gets the encoder's weights without pickle, their config and a card, see share_encoder.

    Args:
        output: a folder, for encoder.onnx, encoder.pt2 and what belongs to a model folder; or a file with one of these suffixes.
        formats: of FORMATS; () for all, or the one that the output's suffix says.
        normalization: of the pixels, "inside" the graph or "outside".
        options: below fp32 no file but the ONNX file is written; OpenVINO's files lie in a folder beside it.
    Raises:
        Disagreement: a format's features or rankings are not PyTorch's, or a precision loses more than reduced.ASKED says.
        InputError: a wrong path, an encoder that cannot be exported, or probe images that tell nothing.
        ImportError: the libraries for ONNX are not there.
    """
    files, folder = check_model(output, formats, normalization, options)
    precision = options.precision
    encoder = open_encoder(checkpoint, device="cpu", config_file=options.config_file)
    probe, calibration = probe_and_calibration(encoder, options.probe_folder, precision)
    comparison = Comparison(encoder, probe, normalization)
    metadata = describe_export(encoder, normalization, precision=precision.name, **options.licenses)
    program = exported_program(encoder, normalization)
    contents, runners = {}, {}
    for format in tqdm(files, desc="converting", unit="file", disable=None, leave=False):
        if format == ONNX:
            contents[format] = onnx_content(program, options.onnx_opset(), metadata)
            runners[format] = onnx_runner(contents[format])
        else:
            contents[format] = torch_export_content(program, metadata)
            runners[format] = torch_export_runner(contents[format])
    made = openvino_contents(contents[ONNX]) if options.openvino else None
    measured = {format: comparison.measure(run, format) for format, run in runners.items()}
    measured |= {OPENVINO: comparison.measure(openvino_runner(made), OPENVINO)} if made else {}
    less = None
    if precision.name != FP32:
        contents[ONNX], less = reduced(contents[ONNX], encoder, normalization, probe, calibration, precision)
    written = {file: contents[format] for format, file in files.items()}
    told = {file: (len(contents[format]), measured[format]) for format, file in files.items()}
    if made:
        beside_onnx = made.files(folder / OPENVINO_FOLDER)
        written |= beside_onnx
        told[next(iter(beside_onnx))] = sum(map(len, made)), measured[OPENVINO]
    return Export(encoder, told, written, folder, options, probe.what, metadata, less)
