"""From a checkpoint to a folder that a consumer takes as it is: boxmot, Ultralytics, DeepStream."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcac_fastreid.arguments import as_choice, as_path, shown_value
from dcac_fastreid.deploy.encoder import Encoder, open_encoder
from dcac_fastreid.deploy.encoder_files import CARD
from dcac_fastreid.deploy.export.card import MARK, check_card
from dcac_fastreid.deploy.export.comparison import Comparison, Measured
from dcac_fastreid.deploy.export.consumers.consumer import Consumer, Encoded
from dcac_fastreid.deploy.export.consumers.difference import Difference, measured_difference
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.export.earlier_files import refuse_earlier_files
from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.deploy.export.exported_program import exported_program
from dcac_fastreid.deploy.export.onnx_file import onnx_content, onnx_runner
from dcac_fastreid.deploy.export.openvino_files import (
    check_openvino_folder,
    openvino_contents,
    openvino_runner,
    require_openvino,
)
from dcac_fastreid.deploy.export.options import Options
from dcac_fastreid.deploy.export.probe import Probe
from dcac_fastreid.deploy.export.reduced import FP32, Reduced, probe_and_calibration, reduced
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files, write_contents

MANIFEST = "manifest.json"  # of OpenVINO's folder
TOLD = ("input", "output", "checkpoint", "checkpoint_sha256", "data_license", "weights_license")  # in the README
NOT_MEASURED = "how the features differ by the consumer's resize is not measured; name a folder of crops by --probe"


@dataclass(frozen=True)
class ConsumerExport:
    """What one consumer gets, `contents` by file, and what was measured on the probe images; `write` writes it."""

    consumer: Consumer
    contents: dict[Path, bytes]
    probe: str
    measured: Measured
    difference: Difference | None
    reduced: Reduced | None

    def write(self) -> None:
        """Raises: InputError: a file cannot be written."""
        write_contents(self.contents)

    def report(self) -> str:
        file, content = next(iter(self.contents.items()))
        worst = min(self.measured.agreements.values(), key=lambda agreement: agreement.least_cosine)
        full = f" in {self.reduced.name}; before, in fp32," if self.reduced else ";"
        lines = [
            f"{file}: {len(content) / 1e6:.1f} MB, for {self.consumer.title}{full} against PyTorch, on {self.probe}: {worst}",
            *(self.reduced.lines() if self.reduced else []),
            *(self.difference.lines(self.consumer.title) if self.difference else [NOT_MEASURED]),
            *(str(beside) for beside in list(self.contents)[1:]),
        ]
        return "\n".join(lines)


def export_for(folders: Mapping[str, str | Path], checkpoint: str | Path, **options: Any) -> list[ConsumerExport]:
    """Makes and checks the files of each consumer, and then writes them all; where one does not agree, none is touched.

    Args: as make_for's. options: of Options, by their names.
    Raises: as make_for, or a file cannot be written.
    """
    exports = make_for(folders, checkpoint, Options(**options))
    for export in exports:
        export.write()
    return exports


@torch.no_grad()
def make_for(folders: Mapping[str, str | Path], checkpoint: str | Path, options: Options) -> list[ConsumerExport]:
    """What export_for writes, before it is written.

    Args:
        folders: that of each consumer, by its name in CONSUMERS.
        options: with openvino, those that read OpenVINO's files get these too.
    Raises: as export_model's make_model; InputError also where a text file is there that an export of this encoder does not write.
    """
    folders = check_for(folders, options)
    encoder = open_encoder(checkpoint, device="cpu", config_file=options.config_file)
    if encoder.cfg.INPUT.CROP.ENABLED or len(encoder.cfg.INPUT.SIZE_TEST) != 2:
        raise InputError(
            f"the config of {encoder.file} cuts images, or keeps their proportions (INPUT.CROP, INPUT.SIZE_TEST), and "
            f"{', '.join(folders)} bring every image to one size; take plain files and prepare the images yourself"
        )
    encoded = Encoded(encoder.input_size, encoder.feature_width)
    texts = {name: _texts(CONSUMERS[name], folder, encoded, options.openvino) for name, folder in folders.items()}
    _refuse_edited({file: text for each in texts.values() for file, text in each.items()})
    probes = probe_and_calibration(encoder, options.probe_folder, options.precision)
    return [_made(CONSUMERS[name], folder, encoder, texts[name], probes, options) for name, folder in folders.items()]


def check_for(folders: Mapping[str, str | Path], options: Options) -> dict[str, Path]:
    """Asks before the work; makes nothing.

    Raises: InputError: no such consumer, a folder that cannot be made or written, one with a README.md of someone else or with
        something that is no file under the name of one or with files of an earlier export that would stay, or options that do not
        go together. ImportError: libraries are not there.
    """
    if not isinstance(folders, Mapping) or not folders:
        raise InputError(f"the consumers' folders are {shown_value(folders)}; expected a folder for each, by its name")
    for name, folder in folders.items():
        as_choice(name, "a consumer", CONSUMERS)
        path = as_path(folder, "--output")
        if path.suffix in (".onnx", ".pt2") and not path.is_dir():
            raise InputError(f"--output {path} is a file, but {name} takes several; name a folder")
        check_writable(path, "--output leads to", "name a folder")
        check_card(path)
        own = [CONSUMERS[name].file, *CONSUMERS[name].beside]
        refuse_no_files(*(path / file for file in own))
        refuse_earlier_files(path, [*own, *([CONSUMERS[name].openvino] if options.openvino else [])])
    options.check()
    if options.openvino:
        if options.precision.name != FP32:
            raise InputError(
                f"--openvino is made of ONNX files in fp32, and the precision is {options.precision.name}; leave one out"
            )
        for name, folder in folders.items():
            if CONSUMERS[name].openvino:
                openvino = Path(folder) / CONSUMERS[name].openvino
                check_openvino_folder(openvino)
                refuse_no_files(openvino / MANIFEST)
        require_openvino()
    options.onnx_opset()
    return {name: Path(folder) for name, folder in folders.items()}


def _texts(consumer: Consumer, folder: Path, encoded: Encoded, openvino: bool) -> dict[Path, str]:
    """The content of each text file, the README left out."""
    texts = {folder / name: text(encoded) for name, text in consumer.beside.items()}
    if openvino and consumer.openvino:
        texts[folder / consumer.openvino / MANIFEST] = next(iter(texts.values()))
    return texts


def _refuse_edited(texts: Mapping[Path, str]) -> None:
    """Users write paths and thresholds into these files, which an export would put back."""
    for file, text in texts.items():
        if file.is_file() and file.read_bytes() != text.encode():
            raise InputError(
                f"{file} differs from what this export would write in its place: it was edited, or is of another encoder, "
                "or an earlier version of dcac_fastreid wrote it; move it away, or name another folder"
            )


def _made(
    consumer: Consumer,
    folder: Path,
    encoder: Encoder,
    texts: Mapping[Path, str],
    probes: tuple[Probe, Tensor | None],
    options: Options,
) -> ConsumerExport:
    precision, (probe, calibration) = options.precision, probes
    words = {"consumer": consumer.title, "precision": precision.name, **options.licenses}
    metadata = describe_export(encoder, consumer.pixels, **words)
    content = onnx_content(exported_program(encoder, consumer.pixels), options.onnx_opset(), metadata)
    comparison = Comparison(encoder, probe, consumer.pixels)
    measured = comparison.measure(onnx_runner(content), f"ONNX for {consumer.title}")
    for_openvino = {}
    if options.openvino and consumer.openvino:
        made = openvino_contents(content)
        comparison.measure(openvino_runner(made), f"OpenVINO for {consumer.title}")
        for_openvino = made.files(folder / consumer.openvino)
    less = None
    if precision.name != FP32:
        content, less = reduced(content, encoder, consumer.pixels, probe, calibration, precision)
    run = onnx_runner(content)
    difference = measured_difference(encoder, consumer, run, probe.photos, probe.people) if probe.photos else None
    encoded = Encoded(encoder.input_size, encoder.feature_width)
    texts = {**texts, folder / CARD: _readme(consumer, encoded, metadata, difference)}
    contents = {
        folder / consumer.file: content,
        **{file: text.encode() for file, text in texts.items()},
        **for_openvino,
    }
    return ConsumerExport(consumer, contents, probe.what, measured, difference, less)


def _readme(consumer: Consumer, encoded: Encoded, metadata: dict[str, str], difference: Difference | None) -> str:
    parts = [
        MARK,
        f"# A person re-identification encoder for {consumer.title}",
        consumer.use(encoded),
        "\n".join(f"- {remark}" for remark in consumer.remarks(encoded)),
        f"{consumer.title} resizes bilinearly without antialiasing; the encoder was trained with Pillow's bicubic resize.",
        "```text\n" + "\n".join(difference.lines(consumer.title) if difference else [NOT_MEASURED]) + "\n```",
        "\n".join(f"- {name}: {metadata[name]}" for name in TOLD),
    ]
    return "\n\n".join(parts) + "\n"
