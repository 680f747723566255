"""boxmot: an ONNX file with a sidecar of JSON; before July 2026 the file's name tells what the sidecar tells since then.

Read from boxmot 25.0.0 and 18.0.0: reid/core, reid/backends. Both resize by OpenCV, and feed RGB in [0, 1] normalised by ImageNet's
mean and deviation; 25 takes the size from the graph, 18 takes 256 x 128.
"""

import json

from dcac_fastreid.deploy.export.consumers.consumer import Consumer, Encoded
from dcac_fastreid.deploy.pixels import IMAGENET

# One of boxmot's network names, in the file's name too: older versions take size and normalisation from it. Its network of that
# name is not used.
TYPE = "osnet_x0_25"
FILE = f"{TYPE}_encoder.onnx"
OLD_SIZE = (256, 128)


def sidecar(encoded: Encoded) -> str:
    size = list(encoded.input_size)
    told = {
        "schema_version": 1,
        "model_name": TYPE,
        "preprocess": "resize",
        "model_kwargs_schema_version": 1,
        "model_kwargs": {"img_size": size},  # it refuses names that it does not know
        "img_size": size,
    }
    return json.dumps(told, indent=2) + "\n"


def use(encoded: Encoded) -> str:
    return f"""```python
from boxmot import BotSort

tracker = BotSort(reid_weights="{FILE}")
tracks = tracker.update(detections, frame)  # (n, 6): x1, y1, x2, y2, confidence, class; a BGR frame
```"""


def remarks(encoded: Encoded) -> list[str]:
    height, width = encoded.input_size
    older = "Versions from before July 2026 read the file's name instead of the sidecar: keep both names as they are."
    if encoded.input_size != OLD_SIZE:
        older = (
            f"Versions from before July 2026 always feed 256 x 128, and this encoder takes {height} x {width}: they end with an "
            "error of onnxruntime; use a newer one."
        )
    return [
        older,
        "The network name in the file's name is one that boxmot knows; the network in the file is this encoder.",
    ]


BESIDE = {f"{FILE}.metadata.json": sidecar}
BOXMOT = Consumer("boxmot", FILE, IMAGENET, True, BESIDE, use, remarks, openvino=f"{TYPE}_encoder_openvino_model")
