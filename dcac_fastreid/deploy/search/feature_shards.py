"""Features of a large folder in shards, each finished or not there: a killed run goes on, and several processes share the work.

OUTPUT/shards holds plan.json, of which photos and with what, and one file a shard, written whole: it is its own mark that the
shard is done, and names its plan. Whoever finds all of them done writes the tables, notes their checksums in the plan and deletes
the shards. If a table is gone later, the work begins again; a table that someone has changed is left as it is.
"""

import hashlib
import json
import logging
import math
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypedDict

import numpy as np
from filelock import FileLock, Timeout

from dcac_fastreid.arguments import as_count
from dcac_fastreid.data.hashes import file_hashes
from dcac_fastreid.deploy.extractor import FeatureExtractor
from dcac_fastreid.deploy.images import counted, images_in, readable
from dcac_fastreid.deploy.schema import Count, Sha256
from dcac_fastreid.deploy.search.feature_folder import (
    TABLES,
    FeatureFolder,
    below,
    check_output,
    describe_origin,
    describe_photos,
    state_of,
)
from dcac_fastreid.deploy.search.feature_tables import COLUMNS, write_tables
from dcac_fastreid.deploy.search.index_file import Below, Modified
from dcac_fastreid.deploy.search.sealed_json import Unusable, sealed, unsealed
from dcac_fastreid.errors import InputError
from dcac_fastreid.json_files import read_object
from dcac_fastreid.output_files import left_unfinished, write_whole
from dcac_fastreid.waiting import held

logger = logging.getLogger("fastreid.dcac")
SHARDS, PLAN = "shards", "plan.json"
FORMAT, VERSION = "dcac_fastreid shard", 1
FEATURES, CONTENT = "features", "content"
MOST = 100_000  # shards


class Shard(TypedDict):
    """The first four have an item for each photo, in the order of the features. plan_sha256: what it is a part of."""

    paths: list[Below]
    bytes: list[Count]
    modified: list[Modified]
    sha256: list[Sha256]
    unreadable: list[Below]
    plan_sha256: Sha256
    features_sha256: Sha256


class FeatureShards:
    """The work on one folder of photos, cut into shards. n photos, D feature width.

    The shards are cut between batches, so that the features are bit-identical whoever computes which shard, as long as the
    machines, devices and numbers of threads are alike. They are those of a run without shards, too, unless photos are left out: a
    run without shards then puts the photos after them into other batches, and the last bits may differ.

    Args: shards: their number, or fewer where there are not so many batches.
    Raises: InputError: as features_of_folder, or OUTPUT/shards was begun with other photos or in another way, or holds shards of
        another plan, or a table was changed after it was finished.
    """

    def __init__(
        self,
        extract: FeatureExtractor,
        images: str | Path,
        output: str | Path,
        shards: int,
        *,
        skip_unreadable: bool = False,
    ):
        as_count(shards, "the number of shards", MOST)
        self.output, self.images = check_output(output, images), Path(images)
        self.extract, self.skip_unreadable = extract, skip_unreadable
        self.files = images_in(self.images)
        self.states = dict(zip(below(self.files, self.images), map(state_of, self.files), strict=True))
        self.size = math.ceil(len(self.files) / shards / extract.batch_size) * extract.batch_size
        self.count = math.ceil(len(self.files) / self.size)
        self.folder = self.output / SHARDS
        self.plan = {
            **describe_origin(extract, self.images),
            "device": extract.encoder.device.type,
            "batch_size": extract.batch_size,
            "shards": self.count,
            "skip_unreadable": skip_unreadable,
            "photos": len(self.files),
            "photos_sha256": hashlib.sha256(json.dumps(list(self.states.items())).encode()).hexdigest(),
        }
        self.plan_sha256 = hashlib.sha256(json.dumps(self.plan, sort_keys=True).encode()).hexdigest()
        with self._alone():
            self._begin()

    def work(self) -> FeatureFolder | None:
        """Computes the shards that nobody has done and nobody is at work on; writes the tables if then all are done.

        Returns: what the tables hold; None if other processes are still at work, or all was finished before.
        """
        for number in range(self.count):
            if self.is_finished:
                break
            if not self._file(number).exists():
                self._compute(number)
        return None if self.missing or self.is_finished else self._finish()

    @property
    def is_finished(self) -> bool:
        """Whether the tables are written; that they are still there was seen at the beginning."""
        return bool((read_object(self.folder / PLAN) or {}).get("finished"))

    @property
    def missing(self) -> int:
        """The number of shards that are not done."""
        return 0 if self.is_finished else sum(not self._file(number).exists() for number in range(self.count))

    def _begin(self) -> None:
        file = self.folder / PLAN
        if not file.exists():
            for shard in self.folder.glob("*.safetensors"):
                self._read(shard)  # of the same plan, or none of ours
            _write_json(file, {**self.plan, "finished": None})
        begun = read_object(file) or {}
        different = sorted(name for name, value in self.plan.items() if begun.get(name) != value)
        if different:
            raise InputError(
                f"{self.folder} was begun in another way, or the photos are others since then ({', '.join(different)}); give the "
                "same options, or delete that folder to begin again"
            )
        if not begun.get("finished"):
            return
        written, there = begun["finished"], self._tables()
        if others := [name for name in there if there[name] != written.get(name)]:
            raise InputError(
                f"{self.output / others[0]} is not what this work wrote: it was changed, or is of other work; move it away to "
                "compute the tables again, or name another --output"
            )
        if there == written:
            self._clear()  # who wrote them may have been killed before
        else:
            logger.warning(f"Tables of {self.output} are gone: computing them again")
            _write_json(file, {**self.plan, "finished": None})

    def _alone(self) -> AbstractContextManager:
        """While no other process begins or writes the tables."""
        return held(FileLock(self.folder / f"{PLAN}.lock"), f"reading or writing the tables of {self.output}")

    def _tables(self) -> dict[str, str]:
        """SHA-256 of the tables that are there."""
        files = [file for name in TABLES if (file := self.output / name).is_file()]
        hashes = file_hashes(files, keep=False)
        return {file.name: hashes[str(file)] for file in files}

    def _clear(self) -> None:
        for file in self.folder.glob("*-of-*"):
            file.unlink(missing_ok=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:05d}-of-{self.count:05d}.safetensors"

    def _compute(self, number: int) -> None:
        """Unless another process is at work on it."""
        file = self._file(number)
        lock = FileLock(f"{file}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return
        try:
            if file.exists() or self.is_finished:
                return
            for remains in left_unfinished(self.folder, file.name):
                remains.unlink(missing_ok=True)
            own = self.files[number * self.size : (number + 1) * self.size]
            files, left_out = readable(own, skip=self.skip_unreadable, what="images", need_one=False)
            content = {
                **describe_photos(files, self.images),
                "unreadable": below(left_out, self.images),
                "plan_sha256": self.plan_sha256,
            }
            features = self.extract(files, progress=f"shard {number + 1} of {self.count}").numpy()
            _write_shard(file, features, content)
        finally:
            lock.release()

    def _finish(self) -> FeatureFolder | None:
        with self._alone():
            if self.is_finished or self.missing:  # somebody may have deleted shards
                return None
            shards = [self._read(self._file(number)) for number in range(self.count)]
            features = np.concatenate([features for features, _ in shards])
            content = {
                name: [value for _, shard in shards for value in shard[name]] for name in (*COLUMNS, "unreadable")
            }
            self._check(content)
            made = FeatureFolder(self.output, features, {**describe_origin(self.extract, self.images), **content})
            write_tables(made)
            _write_json(self.folder / PLAN, {**self.plan, "finished": self._tables()})
            self._clear()
            return made

    def _read(self, file: Path) -> tuple[np.ndarray, Shard]:
        """Raises InputError: it is damaged, or a part of other work."""
        features, content = _read_shard(file)
        if content["plan_sha256"] != self.plan_sha256:
            raise InputError(
                f"{file} was computed of other photos, with another encoder or in another way; delete {self.folder} to begin again"
            )
        return features, content

    def _check(self, content: dict) -> None:
        found = zip(content["paths"], content["bytes"], content["modified"], strict=True)
        changed = [path for path, *state in found if self.states[path] != tuple(state)]
        if not content["paths"] or changed:
            what = f"{counted(len(changed), 'photo')} changed during the work" if changed else "no photo can be read"
            raise InputError(f"{what}; delete {self.folder} and start again")


def _write_json(file: Path, content: dict) -> None:
    write_whole(file, lambda stream: stream.write((json.dumps(content, indent=1) + "\n").encode()))


def _write_shard(file: Path, features: np.ndarray, content: dict) -> None:
    from safetensors.numpy import save

    document = sealed(FORMAT, VERSION, {**content, "features_sha256": _sha256(features)})
    data = save({FEATURES: features, CONTENT: np.frombuffer(document, dtype=np.uint8)})
    write_whole(file, lambda stream: stream.write(data))


def _read_shard(file: Path) -> tuple[np.ndarray, Shard]:
    """Raises InputError: it is damaged, or cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(file)
        content = unsealed(tensors[CONTENT].tobytes(), FORMAT, {VERSION: Shard})
        if content["features_sha256"] != _sha256(tensors[FEATURES]):
            raise Unusable("is damaged: its features do not have their checksum")
    except (SafetensorError, KeyError, Unusable) as error:
        why = error if isinstance(error, Unusable) else "is damaged"
        raise InputError(f"{file} {why}; delete it and start again") from error
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror or error}); start again") from error
    return tensors[FEATURES], content


def _sha256(features: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(features)).hexdigest()
