"""The photos of an index that are most similar to others: the only import of faiss in this room. N photos, D feature width."""

from pathlib import Path

import numpy as np

from dcac_fastreid.arguments import as_count
from dcac_fastreid.data.hashes import file_hashes
from dcac_fastreid.deploy.images import images_in
from dcac_fastreid.deploy.search.feature_folder import index_command, read_feature_folder, state_of
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown


class Gallery:
    """A folder that extract_folder wrote, ready to be searched. Photos that are gone or have changed are left out.

    The faiss index is flat, so it is nothing but the features: it is made of them in the time that reading them takes, and no
    second copy lies on the disk.

    Attributes:
        images: the folder of the photos. photos: those that are searched. content: of the index, see index_file.
        gone, changed: those that are left out. added: images in the folder that the index does not know.
    Raises: InputError: no such folder, or all its photos are gone or have changed.
    """

    def __init__(self, folder: str | Path):
        import faiss

        stored = read_feature_folder(folder)
        self.folder, self.images, self.content = stored.folder, stored.images, stored.content
        files = [stored.images / path for path in stored.paths]
        self.gone = [file for file in files if not file.is_file()]
        self.changed = _changed(files, stored.states, stored.hashes)
        left_out = {*self.gone, *self.changed}
        fresh = np.array([file not in left_out for file in files])
        self.photos = [file for file in files if file not in left_out]
        if not self.photos:
            again = index_command(self.folder, self.content, gallery="PHOTOS")
            raise InputError(
                f"of the photos of the index {folder}, {len(self.gone)} are gone from {stored.images} and "
                f"{len(self.changed)} have changed ({shown(stored.paths)}), none is left; make the index again, of the folder "
                f"where they lie now: {again}"
            )
        known = {*files, *(stored.images / path for path in stored.content["unreadable"])}
        self.added = [file for file in images_in(stored.images) if file not in known]
        self._index = faiss.IndexFlatIP(stored.features.shape[1])  # inner product: of unit rows, the cosine
        self._index.add(np.ascontiguousarray(stored.features[fresh], dtype=np.float32))

    def __len__(self) -> int:
        return len(self.photos)

    def nearest(self, features: np.ndarray, k: int) -> list[list[tuple[int, float]]]:
        """For each row its k most similar photos, or all that are found: number and cosine similarity, the most similar first.

        Args: features: (n, D), float32, rows of length 1.
        Raises: InputError: a k that is no whole number of 1 or more, features of another width or that are not finite.
        """
        k = min(as_count(k, "the number of photos that are asked for"), len(self))
        if features.ndim != 2 or features.shape[1] != self._index.d or not np.isfinite(features).all():
            raise InputError(
                f"the features to search for are of {' x '.join(map(str, features.shape))}, or have numbers that are not "
                f"finite; expected rows of {self._index.d} finite numbers by the encoder of the index"
            )
        similarities, numbers = self._index.search(np.ascontiguousarray(features, dtype=np.float32), k)
        rows = zip(numbers.tolist(), similarities.tolist(), strict=True)
        return [[found for found in zip(*row, strict=True) if found[0] >= 0] for row in rows]  # -1: no more


def _changed(files: list[Path], states: list[tuple[int, int]], hashes: list[str]) -> list[Path]:
    """Those that are there with another content. Only files of another time are read: a copy may have the same content."""
    suspects = {
        str(file): sha256
        for file, state, sha256 in zip(files, states, hashes, strict=True)
        if file.is_file() and state_of(file) != state
    }
    now = file_hashes(suspects, keep=False) if suspects else {}
    return [file for file in files if now.get(str(file)) != suspects.get(str(file))]
