"""dcac-fastreid export: a trained encoder for programs without this package."""

import argparse

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.options import ENCODER, add_licenses, check_encoder

DESCRIPTION = (
    "Writes a checkpoint's encoder and BNNeck as files that run without this package, each compared with PyTorch\n"
    "before it is written. "
    "ONNX needs: pip install onnx onnxruntime onnxscript"
)
EPILOG = """
The files take images "images", float32 (batch, 3, height, width): resized to the encoder's input size, bicubic, antialiased as
Pillow does it; RGB, values from 0 to 255 (not 0 to 1), channels first; with --normalization outside, minus the mean and divided
by the standard deviation.
They give "features", float32 (batch, width), of unit length: the similarity of two images is the dot product of their
features. Both files carry metadata: preprocessing of an image, input size, pixels' mean and standard deviation, the
checkpoint's SHA-256, licences. In Python:

  session = onnxruntime.InferenceSession("encoder.onnx")
  features = session.run(["features"], {"images": images})[0]
  session.get_modelmeta().custom_metadata_map

  metadata = {"metadata.json": ""}
  features = torch.export.load("encoder.pt2", extra_files=metadata).module()(images)

Exit status: 0 done; 2 wrong input, or features or rankings that are not PyTorch's: then no file is written.
"""
# Of deploy/export, which brings PyTorch.
FORMATS = ("onnx", "torch-export")
INSIDE, OUTSIDE = "inside", "outside"
OPSET, HIGHEST_OPSET = 18, 25


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--checkpoint", required=True, metavar="ENCODER", help=ENCODER)
    parser.add_argument(
        "--output",
        required=True,
        metavar="DIR|FILE",
        help="a folder, for encoder.onnx and encoder.pt2; or a file that ends in .onnx or .pt2",
    )
    parser.add_argument(
        "--format", nargs="+", default=[], choices=FORMATS,
        help="formats to write (default: both, or the one that the ending of --output names)",
    )  # fmt: skip
    parser.add_argument(
        "--normalization", choices=(INSIDE, OUTSIDE), default=INSIDE,
        help="where pixels are normalised. inside: the file takes RGB in [0, 255]; outside: your program does it "
        "(default: inside)",
    )  # fmt: skip
    parser.add_argument(
        "--opset",
        type=whole_number(OPSET, HIGHEST_OPSET),
        metavar="N",
        help=f"version of the ONNX operator set, {OPSET} to {HIGHEST_OPSET} (default: {OPSET})",
    )
    parser.add_argument(
        "--probe",
        metavar="FOLDER",
        help="folder of images to compare the file with PyTorch on, best of people (default: random smooth images)",
    )
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config; needed only if the checkpoint neither holds it nor has it beside it",
    )
    add_licenses(parser)


def run(args: argparse.Namespace) -> None:
    check_encoder(args.checkpoint)
    from dcac_fastreid.deploy.export.export_model import export_model

    exported = export_model(
        args.checkpoint, args.output, formats=args.format, normalization=args.normalization, opset=args.opset,
        probe_folder=args.probe, config_file=args.config_file,
        data_license=args.data_license, weights_license=args.weights_license,
    )  # fmt: skip
    print(exported.report())
