"""Features by boxmot's own loader and preprocessing: ONNX_FILE LIST FEATURES.npy. A program of its own; boxmot is under AGPL.

LIST: a JSON list of images, each the crop of one person. Of boxmot 25 also what a tracker makes of the first of them.
"""

import json
import sys
from importlib.metadata import version

import boxmot
import cv2
import numpy as np

try:
    from boxmot.reid.core.runtime import ReID  # since July 2026
except ImportError:
    from boxmot.reid.core import ReID


def main(file: str, images: str, features: str) -> None:
    model = ReID(file).model
    found = []
    for image in map(cv2.imread, json.loads(open(images).read())):
        height, width = image.shape[:2]
        found.append(np.asarray(model.get_features(np.array([[0, 0, width, height]], dtype=np.float32), image))[0])
    np.save(features, np.stack(found))
    if int(version("boxmot").split(".")[0]) >= 25:
        image = cv2.imread(json.loads(open(images).read())[0])
        height, width = image.shape[:2]
        detections = np.array([[0, 0, width, height, 0.9, 0]], dtype=np.float32)
        tracker = boxmot.BotSort(reid_weights=file)
        tracks = [len(tracker.update(detections, image)) for _ in range(3)]
        assert tracks[-1] == 1, tracks
    print(version("boxmot"))


if __name__ == "__main__":
    main(*sys.argv[1:])
