"""DeepStream: an ONNX file that the ReID section of nvtracker's YAML names.

Read from NVIDIA's documentation of Gst-nvtracker and not run here, where there is no GPU of its kind: what is fed is
netScaleFactor * (pixel - offset), RGB.
"""

from dcac_fastreid.deploy.export.consumers.consumer import Consumer, Encoded
from dcac_fastreid.deploy.pixels import INSIDE

FILE, SECTION = "encoder.onnx", "nvtracker_reid.yml"


def section(encoded: Encoded) -> str:
    height, width = encoded.input_size
    settings = {
        "reidType": "2  # features join tracks again that were broken; 1: NvDeepSORT's matching; 3: both",
        "batchSize": "100",
        "workspaceSize": "1000",
        "reidFeatureSize": f"{encoded.feature_width}",
        "reidHistorySize": "100",
        "inferDims": f"[3, {height}, {width}]",
        "networkMode": "1  # fp16; 0: fp32",
        "inputOrder": "0  # NCHW",
        "colorFormat": "0  # RGB",
        "offsets": "[0.0, 0.0, 0.0]",
        "netScaleFactor": "1.0",
        "keepAspc": "0  # resized to inferDims without bars, as in the training",
        "addFeatureNormalization": "0  # the file's features are of length 1",
        "onnxFile": f'"{FILE}"',
        "modelEngineFile": '"encoder.onnx_b100_gpu0_fp16.engine"',
    }
    head = "# The section ReID of a tracker's config for Gst-nvtracker: put it in the place of the one in yours.\n"
    head += "# Made from NVIDIA's documentation; not run.\n"
    return f"{head}ReID:\n" + "".join(f"  {name}: {value}\n" for name, value in settings.items())


def use(encoded: Encoded) -> str:
    return f"""```shell
# 1. Copy NVIDIA's config_tracker_NvDCF_accuracy.yml or config_tracker_NvDeepSORT.yml here.
# 2. Put {SECTION} in the place of its section ReID.
# 3. Name it as ll-config-file of nvtracker.
```"""


def remarks(encoded: Encoded) -> list[str]:
    return [
        "What this folder says is read from NVIDIA's documentation, and its arithmetic was computed again by this package; "
        "DeepStream itself was not run.",
    ]


DEEPSTREAM = Consumer("DeepStream", FILE, INSIDE, False, {SECTION: section}, use, remarks)
