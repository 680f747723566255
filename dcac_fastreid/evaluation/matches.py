"""Which gallery images are a query's matches, and which are junk."""

import numpy as np


class Matches:
    """The host's rule: of the gallery images with a query's identity, those by its camera are junk, the others match.

    A negative camera is unknown, and nothing is junk on account of it: data without cameras give -1 throughout. (The host
    takes -1 for one camera. All matches are then junk, and there is nothing to rank.)

    Args:
        q_pids, g_pids, q_camids, g_camids: (Q,) and (G,), identities and cameras, whole numbers.
    Raises: ValueError: sizes differ.
    """

    def __init__(self, q_pids, g_pids, q_camids, g_camids):
        q_pids, g_pids, self._q_camids, self._g_camids = map(np.asarray, (q_pids, g_pids, q_camids, g_camids))
        if q_pids.shape != self._q_camids.shape or g_pids.shape != self._g_camids.shape:
            raise ValueError(
                f"{len(q_pids)} query and {len(g_pids)} gallery identities, but {len(self._q_camids)} and "
                f"{len(self._g_camids)} cameras, expected one each"
            )
        self.shape = len(q_pids), len(g_pids)
        # Gallery images grouped by identity, so that a query looks at its own identity's images alone.
        self._by_pid = g_pids.argsort(kind="stable")
        grouped = g_pids[self._by_pid]
        self._begins = np.searchsorted(grouped, q_pids)
        self._ends = np.searchsorted(grouped, q_pids, side="right")

    def of(self, query: int):
        """Gallery indices with the query's identity, ascending, and which of them are junk."""
        same_pid = self._by_pid[self._begins[query] : self._ends[query]]
        camera = self._q_camids[query]
        return same_pid, (self._g_camids[same_pid] == camera) & (camera >= 0)
