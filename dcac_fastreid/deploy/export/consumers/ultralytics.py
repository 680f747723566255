"""Ultralytics: an ONNX file that a tracker's YAML names.

Read from ultralytics 8.4.190: trackers/utils/reid.py, cfg/trackers/botsort.yaml. It feeds RGB in [0, 1], resized by PyTorch, takes
the size from the graph, and expects exactly one output.
"""

from dcac_fastreid.deploy.export.consumers.consumer import Consumer, Encoded
from dcac_fastreid.deploy.pixels import ZERO_TO_ONE

FILE, TRACKER = "encoder.onnx", "botsort_reid.yaml"
# Every key that its tracker reads, with its default, but for the last two.
SETTINGS = {
    "tracker_type": "botsort",
    "track_high_thresh": "0.25",
    "track_low_thresh": "0.1",
    "new_track_thresh": "0.25",
    "track_buffer": "30",
    "match_thresh": "0.8",
    "fuse_score": "True",
    "gmc_method": "sparseOptFlow",
    "proximity_thresh": "0.5",
    "appearance_thresh": "0.8",
    "with_reid": "True",
    "model": FILE,
}


def tracker(encoded: Encoded) -> str:
    head = "# BoT-SORT of Ultralytics with this encoder. If you start your program in another folder, write the file's full path\n"
    head += "# at model. with_reid is on; all other values are Ultralytics' defaults.\n"
    return head + "".join(f"{name}: {value}\n" for name, value in SETTINGS.items())


def use(encoded: Encoded) -> str:
    return f"""```python
from ultralytics import YOLO

model = YOLO("yolo26n.pt")  # a detector of yours
model.track("video.mp4", tracker="{TRACKER}")  # started in this folder
```"""


def remarks(encoded: Encoded) -> list[str]:
    return [
        "Ultralytics cuts a box out with 2 % and 10 pixels more on each side: it cannot be told to cut closer.",
        "appearance_thresh is of (1 + cosine) / 2: with 0.8, features up to a cosine of 0.6 may join a track.",
    ]


ULTRALYTICS = Consumer("Ultralytics", FILE, ZERO_TO_ONE, False, {TRACKER: tracker}, use, remarks)
