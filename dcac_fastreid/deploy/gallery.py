"""The photos of an index that are most similar to others: the only import of faiss in this room. N photos, D feature width."""

from pathlib import Path

import numpy as np

from dcac_fastreid.data import file_hashes
from dcac_fastreid.deploy.encoder import same_encoder
from dcac_fastreid.deploy.feature_folder import read_feature_folder, state_of
from dcac_fastreid.deploy.pictures import pictures_in
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import shown


class Gallery:
    """A folder that extract_folder wrote, ready to be searched. Photos that are gone or have changed are left out.

    The faiss index is flat, so it is nothing but the features: it is made of features.npy in the time that reading them takes,
    and no second copy lies on the disk.

    Attributes:
        pictures: the folder of the photos. photos: those that are searched. info: of the index.
        gone, changed: those that are left out. added: pictures in the folder that the index does not know.
    Raises: InputError: no such folder, or all its photos are gone or have changed.
    """

    def __init__(self, folder: str | Path):
        import faiss

        stored = read_feature_folder(folder)
        self.folder, self.pictures, self.info = stored.folder, stored.pictures, stored.info
        files = [stored.pictures / path for path in stored.paths]
        self.gone = [file for file in files if not file.is_file()]
        self.changed = _changed(files, stored.states, stored.hashes)
        left_out = {*self.gone, *self.changed}
        fresh = np.array([file not in left_out for file in files])
        self.photos = [file for file in files if file not in left_out]
        if not self.photos:
            raise InputError(
                f"of the photos of the index {folder}, {len(self.gone)} are gone from {stored.pictures} and "
                f"{len(self.changed)} have changed ({shown(stored.paths)}), none is left; make the index anew, where they lie now"
            )
        known = {*files, *(stored.pictures / path for path in stored.info["unreadable"])}
        self.added = [file for file in pictures_in(stored.pictures) if file not in known]
        self._index = faiss.IndexFlatIP(stored.features.shape[1])  # inner product: of unit rows, the cosine
        self._index.add(np.ascontiguousarray(stored.features[fresh], dtype=np.float32))

    def __len__(self) -> int:
        return len(self.photos)

    def nearest(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Cosine similarities and numbers of the k most similar photos, or of all there are: (n, k) each, falling.

        Args: features: (n, D), float32, rows of length 1.
        """
        return self._index.search(np.ascontiguousarray(features, dtype=np.float32), min(k, len(self)))


def check_same_encoder(stored: dict, encoder: dict, what: str, next_step: str) -> None:
    """Raises InputError where features or figures are of another encoder than the one at hand; a file may be renamed."""
    if not same_encoder(stored, encoder):
        raise InputError(
            f"{what} was made with {stored['checkpoint']} (sha256 {stored['sha256'][:8]}), this is {encoder['checkpoint']} "
            f"(sha256 {encoder['sha256'][:8]}) or its config is another; {next_step}"
        )


def _changed(files: list[Path], states: list[tuple[int, int]], hashes: list[str]) -> list[Path]:
    """Those that are there with another content. Only files of another time are read: a copy may have the same content."""
    suspects = {
        str(file): sha256
        for file, state, sha256 in zip(files, states, hashes, strict=True)
        if file.is_file() and state_of(file) != state
    }
    now = file_hashes(suspects, keep=False) if suspects else {}
    return [file for file in files if now.get(str(file)) != suspects.get(str(file))]
