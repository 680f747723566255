"""Which images of a data set cannot be read, lie there twice, or are in training and in the test?"""

import os
from collections import defaultdict

from dcac_fastreid.data.checks.leakage import same_images
from dcac_fastreid.data.doctor.found import Finding, Found, shown
from dcac_fastreid.data.hashes import pixel_hashes


def examine_images(found: Found) -> list[Finding]:
    """Opens every image, with a progress bar; once opened, its hash is kept (`file_hashes`)."""
    of_path = {item[0]: (split, item[1]) for split, items in found.splits.items() for item in items}
    hashes = pixel_hashes(path for path in of_path if os.path.exists(path))
    findings = _unreadable([path for path in of_path if path not in hashes])
    same = defaultdict(list)
    for path, pixels in hashes.items():
        same[pixels].append(path)
    twice = [paths for paths in same.values() if len(paths) > 1]
    test = [path for path, (split, _) in of_path.items() if split != "train"]
    leaks = same_images([path for path, (split, _) in of_path.items() if split == "train"], test)
    return findings + _leaks(leaks, of_path) + _twice(twice, of_path)


def _unreadable(paths: list[str]) -> list[Finding]:
    if not paths:
        return []
    return [
        Finding(
            "unreadable",
            f"{len(paths)} images cannot be read: {shown(paths)}; copy them again, or train with DATALOADER.SKIP_CORRUPT True, "
            "which leaves them out",
        )
    ]


def _leaks(leaks: dict[str, str], of_path: dict) -> list[Finding]:
    if not leaks:
        return []
    pairs = [f"{path} = {other} ({of_path[other][0]})" for path, other in leaks.items()]
    return [
        Finding(
            "leak",
            f"{len(leaks)} training images are test images: {shown(pairs)}; take them out of the training folder",
        )
    ]


def _twice(twice: list[list[str]], of_path: dict) -> list[Finding]:
    """Two findings: the same image under two people, which is a wrong label; or under one, a copy."""
    findings = []
    wrong = [paths for paths in twice if len({of_path[path][1] for path in paths}) > 1]
    # A label of training and a number of the test are not compared: that pair is a leak.
    wrong = [paths for paths in wrong if len({of_path[path][0] == "train" for path in paths}) == 1]
    copies = [paths for paths in twice if len({of_path[path] for path in paths}) == 1]
    asked = [
        paths for paths in twice if {"query", "gallery"} <= {of_path[path][0] for path in paths} and paths not in wrong
    ]
    for kind, duplicated, what in (
        ("label", wrong, "images lie there under two people: {}; one label is wrong"),
        ("double", copies, "images lie there twice with the same person: {}; one is enough"),
        (
            "double",
            asked,
            "queries are gallery images too: {}; take them out of the gallery, unless by the same camera",
        ),
    ):
        if duplicated:
            pairs = [" = ".join(paths[:2]) for paths in duplicated]
            findings.append(Finding(kind, f"{len(duplicated)} {what.format(shown(pairs))}", stops=False))
    return findings
