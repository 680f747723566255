"""dcac-fastreid export: a trained encoder for programs without this package."""

import argparse
import os

from dcac_fastreid.arguments import whole_number
from dcac_fastreid.commands.options import ENCODER, add_licenses, check_encoder
from dcac_fastreid.errors import InputError

DESCRIPTION = (
    "Writes a checkpoint's encoder and BNNeck as files that run without this package, each compared with PyTorch\n"
    "before it is written. For a tracker, name it by --for: trackers feed other pixels than the plain files take.\n"
    "ONNX needs: pip install onnx onnxruntime onnxscript"
)
EPILOG = """
The plain files take images "images", float32 (batch, 3, height, width): resized to the encoder's input size, bicubic,
antialiased as Pillow does it; RGB, values from 0 to 255 (not 0 to 1), channels first; with --normalization outside, minus
the mean and divided by the standard deviation.
They give "features", float32 (batch, width), of unit length: the similarity of two images is the dot product of their
features. Both files carry metadata: preprocessing of an image, input size, pixels' mean and standard deviation, the
checkpoint's SHA-256, licences. In Python:

  session = onnxruntime.InferenceSession("encoder.onnx")
  features = session.run(["features"], {"images": images})[0]
  session.get_modelmeta().custom_metadata_map

  metadata = {"metadata.json": ""}
  features = torch.export.load("encoder.pt2", extra_files=metadata).module()(images)

--for writes a folder that a program takes as it is, with an ONNX file for the pixels that it feeds, its sidecar or its tracker's
YAML, and a README.md with the lines that use it. With several names, or all, --output gets a folder for each. These programs resize
otherwise than the encoder was tested: give photos of people by --probe, and the difference is printed. A YAML or JSON file that
you have edited is not overwritten: the command ends before the work. So it does where files of an earlier export would stay
beside the new ones, such as an encoder.pt2 beside a new encoder.onnx.

Exit status: 0 done; 2 wrong input, or features or rankings that are not PyTorch's: then no file is written.
"""
# Of deploy/export, which brings PyTorch.
ONNX = "onnx"
FORMATS = (ONNX, "torch-export")
FP32, FP16, INT8 = "fp32", "fp16", "int8"
INSIDE, OUTSIDE = "inside", "outside"
CONSUMERS, PLAIN, ALL = ("boxmot", "ultralytics", "deepstream"), "plain", "all"
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
        "--for", nargs="+", dest="consumers", default=[PLAIN], choices=(*CONSUMERS, PLAIN, ALL),
        help="what program the files are for; plain: one that you write yourself (default: plain)",
    )  # fmt: skip
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
    bits = parser.add_mutually_exclusive_group()
    bits.add_argument(
        "--precision",
        choices=(FP32, FP16),
        default=FP32,
        help="number format of an ONNX file's weights (default: fp32)",
    )
    bits.add_argument(
        "--int8", metavar="CROPS",
        help="8 bits, by onnxruntime's static quantisation, calibrated on every second image of this folder of crops",
    )  # fmt: skip
    parser.add_argument(
        "--openvino",
        action="store_true",
        help="write OpenVINO's files too, plain and for boxmot; needs: pip install openvino",
    )
    parser.add_argument(
        "--force", action="store_true", help="write a file in fp16 or int8 whatever it loses in features and rankings"
    )
    parser.add_argument(
        "--config-file",
        metavar="FILE",
        help="the encoder's config; needed only if the checkpoint neither holds it nor has it beside it",
    )
    add_licenses(parser)


def run(args: argparse.Namespace) -> None:
    check_encoder(args.checkpoint)
    chosen = [name for name in (*CONSUMERS, PLAIN) if name in args.consumers or ALL in args.consumers]
    outputs = {name: args.output if len(chosen) == 1 else os.path.join(args.output, name) for name in chosen}
    plain = outputs.pop(PLAIN, None)
    if not plain and (args.format not in ([], [ONNX]) or args.normalization != INSIDE):
        raise InputError(
            f"--format and --normalization are of plain files, and --for names {', '.join(outputs)}; leave them out, or add plain"
        )
    if args.openvino and not plain and "boxmot" not in outputs:
        raise InputError(
            f"--openvino is for boxmot and plain files, and --for names {', '.join(outputs)}; leave it out"
        )
    from dcac_fastreid.deploy.export.consumers.export_for import check_for, make_for
    from dcac_fastreid.deploy.export.export_model import make_model
    from dcac_fastreid.deploy.export.options import Options
    from dcac_fastreid.deploy.export.plain_files import check_model
    from dcac_fastreid.deploy.export.reduced import Precision

    options = Options(
        precision=Precision(INT8 if args.int8 is not None else args.precision, args.int8, args.force),
        openvino=args.openvino, opset=args.opset, probe_folder=args.probe, config_file=args.config_file,
        data_license=args.data_license, weights_license=args.weights_license,
    )  # fmt: skip
    of_plain = (plain, args.format, args.normalization, options)
    if outputs:
        check_for(outputs, options)
    if plain:
        check_model(*of_plain)
    exports = make_for(outputs, args.checkpoint, options) if outputs else []
    if plain:
        exports = [*exports, make_model(args.checkpoint, *of_plain)]
    for export in exports:  # when all agree: else no file is written
        export.write()
    print(*(export.report() for export in exports), sep="\n")
