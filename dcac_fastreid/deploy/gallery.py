"""The photos of an index that are most similar to others: the only import of faiss in this room. N photos, D feature width."""

from pathlib import Path

import numpy as np

from dcac_fastreid.deploy.feature_folder import read_feature_folder, state_of
from dcac_fastreid.deploy.pictures import shown
from dcac_fastreid.errors import InputError


class Gallery:
    """A folder that extract_folder wrote, ready to be searched. Photos that are gone or have changed are left out.

    The faiss index is flat, so it is nothing but the features: it is made of features.npy in the time that reading them takes,
    and no second copy lies on the disk.

    Attributes:
        pictures: the folder of the photos. photos: those that are searched. stale: those that are left out. info: of the index.
    Raises: InputError: no such folder, or all its photos are gone or have changed.
    """

    def __init__(self, folder: str | Path):
        import faiss

        stored = read_feature_folder(folder)
        self.folder, self.pictures, self.info = stored.folder, stored.pictures, stored.info
        files = [stored.pictures / path for path in stored.paths]
        fresh = np.array([_is_fresh(file, state) for file, state in zip(files, stored.states, strict=True)])
        self.photos = [file for file, fine in zip(files, fresh, strict=True) if fine]
        self.stale = [file for file, fine in zip(files, fresh, strict=True) if not fine]
        if not self.photos:
            raise InputError(
                f"all {len(files)} photos of the index {folder} are gone from {stored.pictures} or have changed "
                f"({shown(stored.paths)}); make the index anew"
            )
        self._index = faiss.IndexFlatIP(stored.features.shape[1])  # inner product: of unit rows, the cosine
        self._index.add(np.ascontiguousarray(stored.features[fresh], dtype=np.float32))

    def __len__(self) -> int:
        return len(self.photos)

    def nearest(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosine similarities and numbers of the k most similar photos, or of all there are: (n, k) each, falling.

        Args: features: (n, D), float32, rows of length 1.
        """
        return self._index.search(np.ascontiguousarray(features, dtype=np.float32), min(k, len(self)))


def check_same_encoder(stored: dict, encoder: dict, what: str) -> None:
    """Raises InputError where features or figures are of another encoder than the one at hand; a file may be renamed."""
    if {**stored, "checkpoint": ""} != {**encoder, "checkpoint": ""}:
        raise InputError(
            f"{what} was made with {stored['checkpoint']} (sha256 {stored['sha256'][:8]}), this is {encoder['checkpoint']} "
            f"(sha256 {encoder['sha256'][:8]}) or its config is another; make it anew, or name the checkpoint that it was "
            "made with"
        )


def _is_fresh(file: Path, state: tuple[int, int]) -> bool:
    try:
        return state_of(file) == state
    except OSError:
        return False
