"""The photos of an index that are most similar to others. N photos, D feature width."""

import hashlib
import itertools
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcac_fastreid.arguments import as_count
from dcac_fastreid.data.hashes import file_hashes
from dcac_fastreid.deploy.images import counted, images_in
from dcac_fastreid.deploy.search.exact import Exact
from dcac_fastreid.deploy.search.feature_folder import FeatureFolder, index_command, read_feature_folder, state_of
from dcac_fastreid.deploy.search.milvus import Milvus
from dcac_fastreid.deploy.search.vectors import EVERYWHERE, Where, fill
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown

logger = logging.getLogger("fastreid.dcac")


class Gallery:
    """A folder that extract_folder wrote, ready to be searched. Photos that are gone or have changed are left out.

    Args: milvus: where a Milvus is that searches, see `milvus.Milvus`; it is brought to hold what the index holds, in a collection
        of its own. None: the exact search, in memory.

    Attributes:
        images: the folder of the photos. photos: those that are searched. content: of the index, see index_file.
        cameras, times: of the photos, see cameras_and_times. hashes: SHA-256 of their files.
        gone, changed: those that are left out. added: images in the folder that the index does not know; without those of a
            content that was removed from it.
    Raises: InputError: no such folder, all its photos are gone or have changed, or as Milvus.
    """

    def __init__(self, folder: str | Path, milvus: str | None = None):
        stored = read_feature_folder(folder)
        self.folder, self.images, self.content = stored.folder, stored.images, stored.content
        files = [stored.images / path for path in stored.paths]
        self.gone = [file for file in files if not file.is_file()]
        self.changed = _changed(files, stored.states, stored.hashes)
        left_out = {*self.gone, *self.changed}
        fresh = np.flatnonzero([file not in left_out for file in files])
        self.photos = [files[number] for number in fresh]
        if not self.photos:
            again = index_command(self.folder, self.content, gallery="PHOTOS")
            raise InputError(
                f"of the photos of the index {folder}, {len(self.gone)} are gone from {stored.images} and "
                f"{len(self.changed)} have changed ({shown(stored.paths)}), none is left; make the index again, of the folder "
                f"where they lie now: {again}"
            )
        others = (*stored.content["unreadable"], *stored.content["removed"])
        known = {*files, *(stored.images / path for path in others)}
        self.added = _added([file for file in images_in(stored.images) if file not in known], stored)
        self.cameras, self.times, self.hashes = (
            [stored.content[name][number] for number in fresh] for name in ("cameras", "times", "sha256")
        )
        self.width = stored.features.shape[1]
        if milvus is None:
            self._vectors, rows = Exact(self.width), fresh
        else:  # what the index holds, whatever has become of the photos: others may still have them
            self._vectors, rows = _open_milvus(milvus, stored), np.arange(len(files))
        features = stored.features if len(rows) == len(files) else stored.features[rows]
        cameras, times = ([stored.content[name][row] for row in rows] for name in ("cameras", "times"))
        fill(self._vectors, rows, features, cameras, times)
        self._left_out = len(rows) - len(fresh)  # that a search finds nevertheless
        self._number_of = {row: number for number, row in enumerate(fresh.tolist())}
        self._counts: dict[Where, int] = {}

    def __len__(self) -> int:
        return len(self.photos)

    def count(self, where: Where) -> int:
        """How many of the photos a search with this filter looks at."""
        if where not in self._counts:  # counted once: of a million photos it takes longer than a search
            self._counts[where] = sum(map(where.holds, self.cameras, self.times))
        return self._counts[where]

    def nearest(
        self, features: np.ndarray, k: int, where: Where | Sequence[Where] = EVERYWHERE
    ) -> list[list[tuple[int, float]]]:
        """For each row its k most similar photos, or all that are found: number and cosine similarity, the most similar first.

        Args: features: (n, D), float32, rows of length 1. where: of all rows, or of each.
        Raises: InputError: a k that is no whole number of 1 or more, features of another width or that are not finite.
        """
        k = min(as_count(k, "the number of photos that are asked for"), len(self))
        if features.ndim != 2 or features.shape[1] != self.width or not np.isfinite(features).all():
            raise InputError(
                f"the features to search for are of {' x '.join(map(str, features.shape))}, or have numbers that are not "
                f"finite; expected rows of {self.width} finite numbers by the encoder of the index"
            )
        features = np.ascontiguousarray(features, dtype=np.float32)
        wheres = [where] * len(features) if isinstance(where, Where) else list(where)
        found: list[list[tuple[int, float]]] = [[] for _ in wheres]
        for each in dict.fromkeys(wheres):  # rows of one filter in one search
            rows = [row for row, other in enumerate(wheres) if other == each]
            similarities, keys = self._vectors.search(features[rows], k + self._left_out, each)
            for row, *hits in zip(rows, keys.tolist(), similarities.tolist(), strict=True):
                known = (hit for hit in zip(*hits, strict=True) if hit[0] in self._number_of)
                found[row] = [(self._number_of[key], similarity) for key, similarity in itertools.islice(known, k)]
        return found


def _open_milvus(place: str, stored: FeatureFolder) -> Milvus:
    """With a collection for what this index tells it, which no index of other features, cameras or times shares.

    So nobody who searches has to look out for others who search, or for changes of the index. Earlier collections stay, as someone
    may be searching them; that they are there is logged.
    """
    content = stored.content
    of_folder = f"photos_{_digest(content['pictures'], 8)}_"
    told = json.dumps([content[name] for name in ("features_sha256", "cameras", "times")])
    opened = Milvus(place, stored.features.shape[1], of_folder + _digest(told, 16))
    if others := opened.others(of_folder):
        logger.warning(
            f"Milvus at {place} also has {counted(len(others), 'collection')} of other or earlier indexes of {stored.images}: "
            f"{shown(others)}; drop those that nobody searches any more"
        )
    return opened


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:length]


def _added(files: list[Path], stored: FeatureFolder) -> list[Path]:
    """Those whose content was not removed: an update does not take these in. The files are read only if something was removed."""
    removed = {*stored.content["removed_sha256"]}
    hashes = file_hashes(files, keep=False) if files and removed else {}
    return [file for file in files if hashes.get(str(file)) not in removed]


def _changed(files: list[Path], states: list[tuple[int, int]], hashes: list[str]) -> list[Path]:
    """Those that are there with another content. Only files of another time are read: a copy may have the same content."""
    suspects = {
        str(file): sha256
        for file, state, sha256 in zip(files, states, hashes, strict=True)
        if file.is_file() and state_of(file) != state
    }
    now = file_hashes(suspects, keep=False) if suspects else {}
    return [file for file in files if now.get(str(file)) != suspects.get(str(file))]
