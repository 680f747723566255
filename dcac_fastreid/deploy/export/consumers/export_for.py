"""From a checkpoint to a folder that a consumer takes as it is: boxmot, Ultralytics, DeepStream."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dcac_fastreid.arguments import as_choice, as_path, as_text, shown_value
from dcac_fastreid.deploy.encoder import Encoder, load_encoder
from dcac_fastreid.deploy.encoder_files import CARD
from dcac_fastreid.deploy.export.card import MARK, check_card
from dcac_fastreid.deploy.export.comparison import Comparison, Measured
from dcac_fastreid.deploy.export.consumers.consumer import Consumer, Encoded
from dcac_fastreid.deploy.export.consumers.difference import Difference, measured_difference
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.deploy.export.exported_program import exported_program
from dcac_fastreid.deploy.export.onnx_file import OPSET, check_opset, onnx_content, onnx_runner, require_onnx
from dcac_fastreid.deploy.export.openvino_files import openvino_contents, openvino_runner, require_openvino
from dcac_fastreid.deploy.export.probe import Probe
from dcac_fastreid.deploy.export.reduced import FP32, Precision, Reduced, probe_and_calibration, reduced
from dcac_fastreid.errors import InputError
from dcac_fastreid.output_files import check_writable, refuse_no_files, write_whole

FULL_PRECISION = Precision()
TOLD = ("input", "output", "checkpoint", "checkpoint_sha256", "data_license", "weights_license")  # in the README
NOT_MEASURED = "how the features differ by the consumer's resize is not measured; name a folder of crops by --probe"


@dataclass(frozen=True)
class ConsumerExport:
    """What one consumer gets: content by file, and what was measured on the probe images."""

    consumer: Consumer
    contents: dict[Path, bytes]
    probe: str
    measured: Measured
    difference: Difference | None
    reduced: Reduced | None

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


@torch.no_grad()
def export_for(
    folders: Mapping[str, str | Path],
    checkpoint: str | Path,
    *,
    opset: int | None = None,
    probe_folder: str | Path | None = None,
    config_file: str | Path | None = None,
    data_license: str = "",
    weights_license: str = "",
    precision: Precision = FULL_PRECISION,
    openvino: bool = False,
) -> list[ConsumerExport]:
    """Makes and checks the files of each consumer, and then writes them all; where one does not agree, none is touched.

    Args:
        folders: that of each consumer, by its name in CONSUMERS.
        opset, probe_folder, config_file, data_license, weights_license, precision: as export_model's.
        openvino: whether those that read OpenVINO's files get these too.
    Raises: as export_model.
    """
    folders = check_folders(folders)
    for license, of in ((data_license, "data"), (weights_license, "weights")):
        as_text(license, f"the license of the {of}")
    precision.check()
    if openvino:
        if precision.name != FP32:
            raise InputError(
                f"--openvino is made of ONNX files in fp32, and the precision is {precision.name}; leave one out"
            )
        require_openvino()
    opset = OPSET if opset is None else opset
    check_opset(opset)
    require_onnx()
    encoder = load_encoder(checkpoint, device="cpu", config_file=config_file)
    if encoder.cfg.INPUT.CROP.ENABLED or len(encoder.cfg.INPUT.SIZE_TEST) != 2:
        raise InputError(
            f"the config of {encoder.file} cuts images, or keeps their proportions (INPUT.CROP, INPUT.SIZE_TEST), and "
            f"{', '.join(folders)} bring every image to one size; take plain files and prepare the images yourself"
        )
    probe, calibration = probe_and_calibration(encoder, probe_folder, precision)
    terms = {"data_license": data_license, "weights_license": weights_license}
    exports = [
        _made(name, folder, encoder, (probe, calibration), opset, precision, terms) for name, folder in folders.items()
    ]
    for export in exports if openvino else ():
        _add_openvino(export, Comparison(encoder, probe, export.consumer.pixels))
    for export in exports:
        for file, content in export.contents.items():
            write_whole(file, lambda stream, content=content: stream.write(content))
    return exports


def check_folders(folders: Mapping[str, str | Path]) -> dict[str, Path]:
    """Makes nothing.

    Raises: InputError: no such consumer, a folder that cannot be made or written, or one with a README.md of someone else.
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
        refuse_no_files(path / CONSUMERS[name].file)
    return {name: Path(folder) for name, folder in folders.items()}


def _made(
    name: str,
    folder: Path,
    encoder: Encoder,
    probes: tuple[Probe, Tensor | None],
    opset: int,
    precision: Precision,
    terms: dict[str, str],
) -> ConsumerExport:
    consumer, (probe, calibration) = CONSUMERS[name], probes
    metadata = describe_export(encoder, consumer.pixels, consumer=consumer.title, precision=precision.name, **terms)
    content = onnx_content(exported_program(encoder, consumer.pixels), opset, metadata)
    measured = Comparison(encoder, probe, consumer.pixels).measure(onnx_runner(content), f"ONNX for {consumer.title}")
    less = None
    if precision.name != FP32:
        content, less = reduced(content, encoder, consumer.pixels, probe, calibration, precision)
    run = onnx_runner(content)
    difference = measured_difference(encoder, consumer, run, probe.photos, probe.people) if probe.photos else None
    encoded = Encoded(encoder.input_size, encoder.feature_width)
    texts = consumer.beside(encoded) | {CARD: _readme(consumer, encoded, metadata, difference)}
    contents = {folder / consumer.file: content, **{folder / file: text.encode() for file, text in texts.items()}}
    return ConsumerExport(consumer, contents, probe.what, measured, difference, less)


def _add_openvino(export: ConsumerExport, comparison: Comparison) -> None:
    """Where the program reads it. Raises: Disagreement: its features are not PyTorch's."""
    consumer, (file, content) = export.consumer, next(iter(export.contents.items()))
    if consumer.openvino:
        made = openvino_contents(content)
        comparison.measure(openvino_runner(made), f"OpenVINO for {consumer.title}")
        folder = file.with_name(consumer.openvino)
        export.contents.update(made.files(folder))
        export.contents[folder / "manifest.json"] = next(iter(list(export.contents.values())[1:]))


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
