"""CUHK02, CUHK03's raw file and CUHK-SYSU, as their owners give them and as other toolboxes have them."""

import importlib.util
from pathlib import Path

from dcac_fastreid.data.doctor.found import UNKNOWN, Finding, Found, Published
from dcac_fastreid.data.doctor.naming import TORCHREID, holds, missing, take

CUHK02_PAIRS = ("P1", "P2", "P3", "P4", "P5")
CUHK03_RAW = "cuhk03_release/cuhk-03.mat"
CUHK03_PROTOCOLS = tuple(f"cuhk03_new_protocol_config_{boxes}.mat" for boxes in ("detected", "labeled"))
CUHK03_NEEDS = ("h5py", "imageio", "scipy")


def cuhk03_raw(folder: Path) -> Found | None:
    """cuhk03_release/cuhk-03.mat and, beside the folder, the two files of the new protocol."""
    if not (folder / "cuhk03_release").is_dir() and not any((folder / part).is_file() for part in CUHK03_PROTOCOLS):
        return None
    parts = (CUHK03_RAW, *CUHK03_PROTOCOLS)
    found = Found(
        "CUHK03, raw",
        folder,
        ", ".join(parts),
        "CUHK03",
        (("cuhk03", parts),),
        "cuhk03",
        {"cuhk03_release": folder / "cuhk03_release", **{part: folder / part for part in CUHK03_PROTOCOLS}},
    )
    missing(found, [part for part in parts if not (folder / part).is_file()])
    found.findings.append(
        Finding(
            "note",
            f"on first use fast-reid's CUHK03 writes its images (14,097 detected and 14,096 labeled ones in the new protocol) "
            f"into the folder cuhk03 of the data root; with --link DIR, into DIR/cuhk03 and not into {folder}",
            stops=False,
        )
    )
    absent = [name for name in CUHK03_NEEDS if importlib.util.find_spec(name) is None]
    if absent:
        found.findings.append(
            Finding(
                "needs",
                f"fast-reid's CUHK03 takes the images of {folder / CUHK03_RAW} out with {', '.join(absent)}, not installed "
                f"here: pip install {' '.join(absent)}; DG_CUHK03NP reads the same images without, from CUHK03-NP's folders",
            )
        )
    return found


def cuhk02(folder: Path) -> Found | None:
    """P1 to P5, each with cam1 and cam2: 001_01.png is a person of that pair. fast-reid has no class for it."""
    pairs = [pair for pair in CUHK02_PAIRS if holds(folder / pair / "cam1", r"\d+_\d+\.png")]
    if not pairs:
        return None
    cameras = [(pair, camera) for pair in pairs for camera in ("cam1", "cam2")]
    absent = [pair for pair in CUHK02_PAIRS if pair not in pairs]
    absent += [f"{pair}/{camera}" for pair, camera in cameras if not (folder / pair / camera).is_dir()]
    found = Found("CUHK02", folder, "P1 to P5 with cam1, cam2", "PersonFolders", (), "person_folders/train")
    found.published = Published({"train": (1_816, 7_264)}, 10, f"{TORCHREID}; four images of each person")
    missing(found, absent)
    for pair, camera in cameras:
        take(found, folder / pair / camera, r"(\d+)_", lambda at, pair=pair, camera=camera: (
            f"{pair}_{at[1]}", f"{pair}-{camera}", f"{pair}_{at[1]}/{pair}-{camera}/{at.string}"
        ))  # fmt: skip
    return found


def cuhk_sysu(folder: Path) -> Found | None:
    """cropped_images/p11422_s16929_1.jpg (fast-reid, torchreid), cropped_image/p00001_n01_s00001_hard0.png (MetaBIN), or scenes."""
    published = Published({"train": (11_934, 34_574)}, None, TORCHREID)
    forms = (("cuhk_sysu", ("cropped_images",)),)
    if holds(folder / "cropped_images", r"p\d+_s\d"):
        found = Found("CUHK-SYSU", folder, "cropped_images", "cuhkSYSU", forms, "cuhk_sysu", {"": folder})
        take(found, folder / "cropped_images", r"p(\d+)_s\d", lambda at: (at[1], UNKNOWN, None))
    elif holds(folder / "cropped_image", r"p\d+_n\d+_s\d"):
        found = Found("CUHK-SYSU", folder, "cropped_image", "cuhkSYSU", (), "cuhk_sysu")
        take(found, folder / "cropped_image", r"p(\d+)_n(\d+)_s(\d+)", lambda at: (
            at[1], UNKNOWN, f"cropped_images/p{at[1]}_s{at[3]}_n{at[2]}_{Path(at.string).stem.rpartition('_')[2]}.jpg"
        ))  # fmt: skip
    elif (folder / "Image" / "SSM").is_dir():
        found = Found("CUHK-SYSU", folder, "Image/SSM, annotation", "cuhkSYSU")
        found.findings.append(
            Finding(
                "needs",
                f"{folder / 'Image' / 'SSM'} holds whole scenes: cut the people out, by the boxes in annotation, into "
                "cuhk_sysu/cropped_images/pPERSON_sSCENE_NUMBER.jpg, which fast-reid's cuhkSYSU reads",
            )
        )
        return found
    else:
        return None
    found.published = published
    return found
