"""What is known of a program that takes an exported encoder: its pixels, its files, how it resizes."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

PLAIN, ALL = "plain", "all"


class Encoded(NamedTuple):
    """Of the encoder what the files beside the ONNX file tell. input_size: (H, W)."""

    input_size: tuple[int, int]
    feature_width: int


class Consumer(NamedTuple):
    """One program.

    title: as its makers write it. file: the name that the ONNX file gets.
    pixels: that it feeds, a name of pixels.py; it resizes bilinearly without antialiasing.
    rounds: whether it resizes whole numbers, as OpenCV does, and not floats.
    openvino: the name of OpenVINO's folder, in which manifest.json repeats the sidecar; "" where the program cannot use one.
    beside: what makes the content of each other file, by the file's name.
    use: lines of Python or shell for the README; remarks: sentences for it.
    """

    title: str
    file: str
    pixels: str
    rounds: bool
    beside: Mapping[str, Callable[[Encoded], str]]
    use: Callable[[Encoded], str]
    remarks: Callable[[Encoded], list[str]]
    openvino: str = ""
