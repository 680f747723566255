"""The search through Milvus, a server for vectors, or its form without one, milvus-lite: the only import of pymilvus.

Every product is computed there too (its index FLAT), so it finds what the exact search finds.
"""

import contextlib
import json
import logging
from collections.abc import Iterator, Sequence

import numpy as np

from dcac_fastreid.deploy.search.vectors import EVERYWHERE, Where
from dcac_fastreid.errors import InputError

LOCAL = ".db"  # the end of a folder's name by which pymilvus knows that no server is meant
BATCH = 5000  # vectors in one message: 10 MB of 512 numbers each; Milvus takes 64
QUERIES = 256  # in one message
MOST = 16384  # hits of a query, and keys of a message, that Milvus gives
LONGEST = 1000  # bytes of a camera's name


class Milvus:
    """An engine, see `vectors.Vectors`.

    What was added is kept from `add` on, also if the process is killed; but a killed `add` may have written a part: `vectors.fill`
    then writes the rest.

    Args:
        place: "http://HOST:PORT" of a server, or a folder whose name ends in .db for milvus-lite, which is made; one process at
            a time has it open.
        collection: letters, digits and _; made where it is not there.
    Raises: ImportError: no pymilvus. InputError: no such place, or a collection of another width.
    """

    def __init__(self, place: str, width: int, collection: str):
        if "://" not in place and not place.endswith(LOCAL):
            raise InputError(
                f"Milvus shall be at {place}; expected http://HOST:PORT, or a folder whose name ends in {LOCAL}"
            )
        self._place, self._width, self._collection = place, width, collection
        with self._told("cannot be opened"):
            self._client = _pymilvus().MilvusClient(place)
            logging.getLogger("pymilvus.client.iterator.query_iterator").setLevel(
                logging.ERROR
            )  # it warns that milvus-lite tells no time
            if not self._client.has_collection(collection):
                self._make()
            self._client.load_collection(collection)
            fields = self._client.describe_collection(collection)["fields"]
        there = next((field["params"]["dim"] for field in fields if field["name"] == "feature"), None)
        if there != width:
            raise InputError(
                f"the collection {collection} of {place} has features {there} wide, expected {width}; name another place"
            )

    def add(
        self, keys: np.ndarray, features: np.ndarray, cameras: Sequence[str | None], times: Sequence[int | None]
    ) -> None:
        rows = zip(keys.tolist(), np.asarray(features, dtype=np.float32), cameras, times, strict=True)
        records = [{"key": key, "feature": row, "camera": camera, "time": time} for key, row, camera, time in rows]
        for begin in range(0, len(records), BATCH):
            with self._told("does not take vectors"):
                self._client.upsert(self._collection, records[begin : begin + BATCH])

    def remove(self, keys: np.ndarray) -> None:
        for begin in range(0, len(keys), BATCH):
            with self._told("does not remove vectors"):
                self._client.delete(self._collection, ids=keys[begin : begin + BATCH].tolist())

    def search(self, features: np.ndarray, k: int, where: Where = EVERYWHERE) -> tuple[np.ndarray, np.ndarray]:
        if k > MOST:
            raise InputError(
                f"{k:,} photos are asked for, with those that are gone or have changed; Milvus gives {MOST:,} at most: ask for "
                "fewer, or search exactly"
            )
        similarities = np.full((len(features), k), -np.inf, dtype=np.float32)
        keys = np.full((len(features), k), -1, dtype=np.int64)
        for begin in range(0, len(features), QUERIES):
            with self._told("does not search"):
                found = self._client.search(
                    self._collection,
                    list(np.asarray(features[begin : begin + QUERIES], dtype=np.float32)),
                    anns_field="feature",
                    filter=expression(where),
                    limit=k,
                    search_params={"metric_type": "IP"},
                    consistency_level="Strong",
                )
            for query, hits in enumerate(found, start=begin):
                similarities[query, : len(hits)] = [hit["distance"] for hit in hits]
                keys[query, : len(hits)] = [hit["key"] for hit in hits]
        return similarities, keys

    def keys(self) -> np.ndarray:
        keys = []
        with self._told("does not list its vectors"):
            iterator = self._client.query_iterator(
                self._collection, batch_size=MOST, filter="key >= 0", output_fields=["key"], consistency_level="Strong"
            )
            while batch := iterator.next():
                keys += [record["key"] for record in batch]
            iterator.close()
        return np.sort(np.array(keys, dtype=np.int64))

    def save(self) -> None:
        with self._told("does not write to its disk"):
            self._client.flush(self._collection)

    def stats(self) -> dict:
        with self._told("does not tell its state"):
            counted = self._client.query(
                self._collection, filter="key >= 0", output_fields=["count(*)"], consistency_level="Strong"
            )
        return {"engine": "milvus", "vectors": counted[0]["count(*)"], "width": self._width}

    def others(self, prefix: str) -> list[str]:
        """The other collections whose names begin so."""
        with self._told("does not list its collections"):
            names = self._client.list_collections()
        return sorted(name for name in names if name.startswith(prefix) and name != self._collection)

    def close(self) -> None:
        """Lets another process open a folder of milvus-lite, which else stays open until this process ends."""
        self._client.close()
        if "://" not in self._place:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self._place)

    def _make(self) -> None:
        kinds = _pymilvus().DataType
        schema = self._client.create_schema(auto_id=False)
        schema.add_field("key", kinds.INT64, is_primary=True)
        schema.add_field("feature", kinds.FLOAT_VECTOR, dim=self._width)
        schema.add_field("camera", kinds.VARCHAR, max_length=LONGEST, nullable=True)
        schema.add_field("time", kinds.INT64, nullable=True)
        index = self._client.prepare_index_params()
        index.add_index("feature", index_type="FLAT", metric_type="IP")
        self._client.create_collection(self._collection, schema=schema, index_params=index)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (_pymilvus().exceptions.MilvusException, OSError, RuntimeError) as error:
            why = " ".join(str(getattr(error, "message", None) or error).split())[:200]
            raise InputError(
                f"Milvus at {self._place} {what} ({why}); see to it, or search without --milvus"
            ) from error


def expression(where: Where) -> str:
    """A filter in Milvus's language."""
    parts = []
    if where.cameras is not None:
        parts.append(f"camera in {json.dumps(sorted(where.cameras), ensure_ascii=False)}")
    if where.not_camera is not None:
        parts.append(f"(camera is null or camera != {json.dumps(where.not_camera, ensure_ascii=False)})")
    if where.after is not None:
        parts.append(f"time >= {where.after}")
    if where.before is not None:
        parts.append(f"time < {where.before}")
    return " and ".join(parts)


def _pymilvus():
    try:
        import pymilvus
    except ImportError as error:
        raise ImportError(
            f"the search through Milvus needs pymilvus ({error}); install it by: pip install 'dcac_fastreid[scale]'"
        ) from error
    return pymilvus
