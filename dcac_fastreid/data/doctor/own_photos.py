"""One's own photos in a folder for each person: what PersonFolders makes of them, and what speaks against it."""

import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from dcac_fastreid.data.doctor.found import OWN, UNKNOWN, Finding, Found, shown
from dcac_fastreid.data.near_duplicates import close_pairs, perceptual_hashes
from dcac_fastreid.data.readers.person_folders import FOLDER, FORMS, PARTS, PersonFolders
from dcac_fastreid.data.readers.walk import contents
from dcac_fastreid.errors import InputError

SHOWN = 2
BATCH, INSTANCES = 64, 4  # SOLVER.IMS_PER_BATCH and DATALOADER.NUM_INSTANCE of this package's configs


def holds_identities(folder: Path) -> bool:
    """Is it a folder with a folder for each of two people or more, or with train, test, query or gallery of such folders?"""
    folders = contents(folder)[0]
    parts = [part for part in folders if part.name in PARTS]
    if parts:
        return any(_identities(part) for part in parts)
    return _identities(folder)


def own_photos(folder: Path) -> Found:
    """Reads them as a run does; what it would refuse is the finding."""
    found = Found(OWN, folder, FORMS.split(";")[0], "PersonFolders", target=FOLDER, links={"": folder})
    found.root = folder.parent if folder.name == FOLDER else folder
    try:
        dataset = PersonFolders(root=str(found.root), verbose=False)
    except InputError as error:
        found.findings.append(Finding("name", str(error)))
        return found
    found.layout = dataset.variant
    splits = dataset.splits
    found.splits = {
        split: [(photo.path, photo.person, photo.camera or UNKNOWN) for photo in getattr(splits, split)]
        for split in ("train", "query", "gallery", "left_out")
    }
    _cameras(found, dataset)
    _numbers(found)
    return found


def near_duplicates(found: Found) -> list[Finding]:
    """How many photos are nearly the same as another, and which of such pairs speak of a wrong label or a leak."""
    items = [(path, person, split == "train") for split, items in found.splits.items() for path, person, _ in items]
    hashes = perceptual_hashes(path for path, _, _ in items if os.path.exists(path))
    items = [item for item in items if item[0] in hashes]
    paths, identities, trained = (np.array(column) for column in zip(*items, strict=True)) if items else ([], [], [])
    near, across, leaking, pairs = set(), 0, 0, []
    for i, j in close_pairs([hashes[path] for path in paths]):
        near |= {*i.tolist(), *j.tolist()}
        i, j = i[identities[i] != identities[j]], j[identities[i] != identities[j]]
        across, leaking = across + len(i), leaking + int((trained[i] != trained[j]).sum())
        pairs += [f"{one} and {other}" for one, other in zip(paths[i[:SHOWN]], paths[j[:SHOWN]], strict=True)]
    findings = []
    if near:
        findings.append(
            Finding("near", f"{len(near)} of {len(items)} photos are near-duplicates of another one, as neighbouring frames are; "
                    "they teach and test little more than one of them", stops=False)
        )  # fmt: skip
    if across:
        findings.append(
            Finding("label", f"{across} pairs of near-duplicates lie under two people, {leaking} of them with one in training "
                    f"and one in the test: {shown(pairs, SHOWN)}; look at them, and give the same person one folder",
                    stops=False)
        )  # fmt: skip
    return findings


def _cameras(found: Found, dataset: PersonFolders) -> None:
    tested = found.splits["query"] + found.splits["gallery"]
    if not tested:
        return
    if not dataset.splits.cameras:
        found.findings.append(
            Finding(
                "camera",
                f"the cameras of {found.folder} are unknown, so every match counts, easy ones too, and "
                f"{len(dataset.splits.left_out)} near-duplicates of queries are left out of the test; name cameras as in "
                "cam2_0001.jpg, or by folders PERSON/CAMERA, for the usual test",
                stops=False,
            )
        )
    _answers(found, dataset.splits.cameras)
    if not found.splits["query"]:
        why = "by two cameras" if dataset.splits.cameras else "that are no near-duplicates of each other"
        found.findings.append(
            Finding(
                "test",
                f"not one of the {len({item[1] for item in tested})} test people in {found.folder} has two photos {why}, so "
                "nothing can be tested on it; add such photos, or take PersonFolders out of DATASETS.TESTS",
            )
        )


def _answers(found: Found, cameras: bool) -> None:
    """Queries without a match in the gallery: only in query and gallery of one's own can there be any."""
    seen_by = defaultdict(set)
    for _, person, camera in found.splits["gallery"]:
        seen_by[person].add(camera)
    answered = {item[1] for item in found.splits["query"] if seen_by[item[1]] - ({item[2]} if cameras else set())}
    lonely = sorted({item[1] for item in found.splits["query"]} - answered)
    if lonely:
        why = "by another camera" if cameras else "that is no near-duplicate of it"
        found.findings.append(
            Finding("test", f"{len(lonely)} people of query in {found.folder} have no gallery photo {why}: {shown(lonely)}; add "
                    "one, or take them out of query")
        )  # fmt: skip


def _numbers(found: Found) -> None:
    train = Counter(item[1] for item in found.splits["train"])
    batch = INSTANCES * min(len(train), train.total() // INSTANCES)
    if train and batch < BATCH:
        found.ims_per_batch = batch or None
        found.findings.append(
            Finding("note", f"{len(train)} people with {train.total()} photos to train on fill no batch of {BATCH}, {INSTANCES} "
                    f"of each person; {f'set SOLVER.IMS_PER_BATCH {batch}' if batch else 'add photos'}", stops=not batch)
        )  # fmt: skip
    single = sorted(person for person, photos in train.items() if photos == 1)
    if single:
        found.findings.append(
            Finding("note", f"{len(single)} training people have one photo alone, from which little is learnt: {shown(single)}",
                    stops=False)
        )  # fmt: skip
    both = sorted(train.keys() & {item[1] for item in found.splits["query"] + found.splits["gallery"]})
    if both:
        found.findings.append(
            Finding("leak", f"{len(both)} people are in training and in the test: {shown(both)}; if these are the same people, "
                    "the score says nothing of unseen ones", stops=False)
        )  # fmt: skip


def _identities(folder: Path) -> bool:
    identities = contents(folder)[0]
    direct = sum(bool(contents(person)[1]) for person in identities)
    if direct >= 2 or (direct and folder.name in (FOLDER, *PARTS)):
        return True
    inner = Counter(
        camera.name for person in identities for camera in contents(person)[0] if contents(camera)[1]
    )  # PERSON/CAMERA/*.jpg: people share cameras
    return bool(inner) and max(inner.values()) >= 2
