"""GRID, iLIDS, PRID2011 and VIPeR, as their owners give them and as other toolboxes have them.

fast-reid trains on them and has no test split of them.
"""

from pathlib import Path

from dcac_fastreid.data.doctor.found import UNKNOWN, Finding, Found, Published
from dcac_fastreid.data.doctor.naming import TORCHREID, holds, missing, take
from dcac_fastreid.data.readers.walk import contents

PRID_IN_BOTH = 200  # people 1 to 200 of PRID are the same in both cameras; above, a number means two people


def grid(folder: Path) -> Found | None:
    """probe and gallery (its owners, torchreid), or images (fast-reid): 0001_1_25004_107_32_106_221.jpeg, person and camera.

    Person 0 stands for all 775 images of people without a second one: to train on them would make them one person.
    """
    owners = all((folder / part).is_dir() for part in ("probe", "gallery"))
    parts = [folder / part for part in (("probe", "gallery") if owners else ("images",))]
    if not all(holds(part, r"\d{4}_\d_.*\.jpeg") for part in parts):
        return None
    layout, forms = ("probe, gallery", ()) if owners else ("images", (("underground_reid", ("images",)),))
    found = Found("GRID", folder, layout, "GRID", forms, "underground_reid", {} if owners else {"": folder})
    found.published = Published(
        {"train": (250, 500)}, None, f"{TORCHREID}: 1,275 images by 8 cameras, 775 of them of nobody (person 0)"
    )
    for part in parts:
        take(found, part, r"(\d+)_(\d+)_", lambda at: (int(at[1]), at[2], f"images/{at.string}"), link=owners)
    nobody = [item for item in found.splits["train"] if item[1] == 0]
    found.splits["train"] = [item for item in found.splits["train"] if item[1] != 0]
    found.links = {path: source for path, source in found.links.items() if not path.startswith("images/0000_")}
    if nobody:
        as_one = "" if owners else "; fast-reid's GRID takes them for one person, so move them out of images"
        found.findings.append(
            Finding("note", f"{len(nobody)} images in {folder} are of person 0, nobody known{as_one}", stops=not owners)
        )
    return found


def ilids(folder: Path) -> Found | None:
    """Persons/0001001.jpg, person and number of the image (its owners); the same in images; or iLIDS/PERSON/CAMERA_*.png."""
    published = Published({"train": (119, 476)}, None, f"{TORCHREID}; cameras are not told by the names")
    if folder.name in ("Persons", "images") and holds(folder, r"\d{7}\.jpg"):
        found = Found("iLIDS", folder, f"{folder.name}/0001001.jpg", "iLIDS", (), "iLIDS", published=published)
        take(found, folder, r"(\d{4})(\d{3})", lambda at: (at[1], UNKNOWN, f"{at[1]}/0_{at.string[:7]}.png"))
        return found
    if folder.name.lower() != "ilids":
        return None
    identities = [person for person in contents(folder)[0] if holds(person, r"[^_]+_.*\.png")]
    if not identities:
        return None
    found = Found("iLIDS", folder, "PERSON/CAMERA_*.png", "iLIDS", (("iLIDS", ()),), "iLIDS", {"": folder})
    found.published = published
    for person in identities:
        take(found, person, r"([^_]+)_", lambda at, person=person: (person.name, at[1], None))
    return found


def prid(folder: Path) -> Found | None:
    """single_shot/cam_a/person_0001.png (its owners), or slim_train/person_0001/CAMERA_*.png (fast-reid)."""
    shots = folder / "single_shot" if (folder / "single_shot").is_dir() else folder
    cameras = [shots / camera for camera in ("cam_a", "cam_b") if (shots / camera).is_dir()]
    if (folder / "slim_train").is_dir():
        found = Found("PRID2011", folder, "slim_train", "PRID", (("prid_2011", ("slim_train",)),), "prid_2011")
        found.links = {"": folder}
        for person in contents(folder / "slim_train")[0]:
            take(found, person, r"([^_]+)_", lambda at, person=person: (person.name.partition("_")[2], at[1], None))
        return found
    if not any(holds(camera, r"person_\d+\.png") for camera in cameras):
        return None
    found = Found("PRID2011", folder, "single_shot/cam_a, cam_b", "PRID", (), "prid_2011")
    found.published = Published(
        {"train": (934, 1_134)}, 2, f"{TORCHREID}: 385 people in cam_a, 749 in cam_b, 200 in both"
    )
    missing(found, [camera for camera in ("cam_a", "cam_b") if shots / camera not in cameras])
    for camera in cameras:
        view = camera.name[-1]
        take(found, camera, r"person_(\d+)\.", lambda at, view=view: (
            _prid_person(at[1], view), view, f"slim_train/person_{_prid_person(at[1], view)}/{view}_{at[1]}.png"
        ))  # fmt: skip
    return found


def viper(folder: Path) -> Found | None:
    """cam_a/000_45.bmp, person and angle (its owners, fast-reid); or split_*/train, query, gallery/p000_c1_d045.png (MetaBIN)."""
    published = Published({"train": (632, 1_264)}, 2, TORCHREID)
    if any(holds(folder / camera, r"\d+_\d+\.bmp") for camera in ("cam_a", "cam_b")):
        forms = (("VIPeR", ("cam_a", "cam_b")),)
        found = Found("VIPeR", folder, "cam_a, cam_b", "VIPeR", forms, "VIPeR", {"": folder}, published=published)
        missing(found, [camera for camera in ("cam_a", "cam_b") if not (folder / camera).is_dir()])
        for camera in ("cam_a", "cam_b"):
            take(found, folder / camera, r"(\d+)_", lambda at, camera=camera: (at[1], camera, None))
        return found
    split = next((path for path in sorted(folder.glob("split_*")) if (path / "train").is_dir()), None)
    if split is None:
        return None
    found = Found("VIPeR", folder, f"{split.name}/train, query, gallery", "VIPeR", (), "VIPeR", published=published)
    for part in ("train", "query", "gallery"):  # every split has all the images
        take(found, split / part, r"p(\d+)_c([12])_d(\d+)", lambda at: (
            at[1], f"cam_{'ab'[int(at[2]) - 1]}", f"cam_{'ab'[int(at[2]) - 1]}/{at[1]}_{at[3]}.bmp"
        ))  # fmt: skip
    return found


def _prid_person(number: str, view: str) -> str:
    return number if int(number) <= PRID_IN_BOTH else f"{view}{number}"
