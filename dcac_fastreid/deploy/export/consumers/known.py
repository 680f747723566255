"""The consumers by name."""

from dcac_fastreid.deploy.export.consumers.boxmot import BOXMOT
from dcac_fastreid.deploy.export.consumers.consumer import Consumer
from dcac_fastreid.deploy.export.consumers.deepstream import DEEPSTREAM
from dcac_fastreid.deploy.export.consumers.ultralytics import ULTRALYTICS

CONSUMERS: dict[str, Consumer] = {"boxmot": BOXMOT, "ultralytics": ULTRALYTICS, "deepstream": DEEPSTREAM}
