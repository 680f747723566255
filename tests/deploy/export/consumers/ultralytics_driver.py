"""Features by Ultralytics' own tracker: TRACKER.yaml LIST FEATURES.npy. A program of its own; Ultralytics is under AGPL.

LIST: a JSON list of images, each the crop of one person. Started in the folder of the YAML, whose model is named beside it.
"""

import json
import sys

import cv2
import numpy as np
import ultralytics
from ultralytics.trackers.bot_sort import BOTSORT
from ultralytics.utils import YAML, IterableSimpleNamespace


def main(tracker: str, images: str, features: str) -> None:
    encoder = BOTSORT(IterableSimpleNamespace(**YAML.load(tracker), device="cpu")).encoder
    found = []
    for image in map(cv2.imread, json.loads(open(images).read())):
        height, width = image.shape[:2]
        found.append(encoder(image, np.array([[width / 2, height / 2, width, height]], dtype=np.float32))[0])
    np.save(features, np.stack(found))
    print(ultralytics.__version__)


if __name__ == "__main__":
    main(*sys.argv[1:])
