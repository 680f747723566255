"""What holds of every engine of the search; against a full sort."""

import multiprocessing
import time

import numpy as np
import pytest

from dcac_fastreid.deploy.search.exact import Exact
from dcac_fastreid.deploy.search.milvus import Milvus, expression
from dcac_fastreid.deploy.search.vectors import EVERYWHERE, Where, fill
from dcac_fastreid.errors import InputError

from .libraries import require_milvus

WIDTH = 16
ODD_CAMERAS = ['a "b" \\ c', "it's", "%_", "caf\u00e9", "1", None]


def unit(count: int, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    features = np.random.default_rng(seed).standard_normal((count, width), dtype=np.float32)
    return features / np.linalg.norm(features, axis=1, keepdims=True)


def milvus(folder, width: int = WIDTH) -> Milvus:
    require_milvus()
    return Milvus(str(folder / "vectors.db"), width, "photos")


@pytest.fixture(params=["exact", "milvus"])
def vectors(request, tmp_path):
    if request.param == "exact":
        yield Exact(WIDTH)
        return
    opened = milvus(tmp_path)
    yield opened
    opened.close()


def full_sort(queries, features, keys, k, chosen=None):
    similarities = queries @ features.T
    if chosen is not None:
        similarities[:, ~chosen] = -np.inf
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(similarities, order, axis=1), keys[order]


def check(vectors, queries, features, keys, k, where=EVERYWHERE, chosen=None):
    similarities, found = vectors.search(queries, k, where)
    expected = full_sort(queries, features, keys, k, chosen)
    np.testing.assert_allclose(similarities, expected[0], atol=1e-5)
    there = np.isfinite(expected[0])
    assert np.array_equal(found[there], expected[1][there]) and (found[~there] == -1).all()


def test_the_most_similar_are_those_of_a_full_sort(vectors):
    features, keys = unit(3000), np.arange(3000) * 7 + 2**61
    vectors.add(keys[:1000], features[:1000], [None] * 1000, [None] * 1000)
    vectors.add(keys[1000:], features[1000:], [None] * 2000, [None] * 2000)
    assert vectors.stats() == {"engine": type(vectors).__name__.lower(), "vectors": 3000, "width": WIDTH}
    for count, k in ((1, 1), (300, 7), (3, 50)):
        check(vectors, unit(count, seed=count), features, keys, k)


def test_removed_vectors_are_not_found_and_replaced_ones_are(vectors):
    features, keys = unit(400), np.arange(400)
    vectors.add(keys, features, [None] * 400, [None] * 400)
    vectors.remove(np.array([*range(100, 200), 5000]))
    changed = unit(50, seed=1)
    vectors.add(keys[:50], changed, ["1"] * 50, [5] * 50)
    now = np.concatenate([changed, features[50:100], features[200:]])
    now_keys = np.concatenate([keys[:100], keys[200:]])
    assert np.array_equal(vectors.keys(), now_keys) and vectors.stats()["vectors"] == 300
    check(vectors, unit(5, seed=2), now, now_keys, 20)
    similarities, found = vectors.search(changed[:1], 60, Where(cameras=frozenset("1")))
    assert (
        sorted(found[0, :50]) == list(range(50))
        and (found[0, 50:] == -1).all()
        and np.isneginf(similarities[0, 50:]).all()
    )


@pytest.mark.parametrize("camera", ODD_CAMERAS[:-1])
def test_filters_by_camera(camera, vectors):
    features, keys = unit(60), np.arange(60)
    cameras = [ODD_CAMERAS[number % 6] for number in range(60)]
    vectors.add(keys, features, cameras, [None] * 60)
    of_it = np.array([each == camera for each in cameras])
    queries = unit(3, seed=1)
    check(vectors, queries, features, keys, 12, Where(cameras=frozenset([camera])), of_it)
    check(vectors, queries, features, keys, 60, Where(cameras=frozenset([camera, "none"])), of_it)
    for k in (12, 55, 60):
        check(vectors, queries, features, keys, k, Where(not_camera=camera), ~of_it)
    check(vectors, queries, features, keys, 60, Where(not_camera="none"), np.ones(60, dtype=bool))
    check(vectors, queries, features, keys, 5, Where(cameras=frozenset(["none"])), np.zeros(60, dtype=bool))
    check(vectors, queries, features, keys, 5, Where(cameras=frozenset()), np.zeros(60, dtype=bool))


def test_filters_by_time(vectors):
    features, keys = unit(60), np.arange(60)
    times = np.arange(60) * 1000 - 20_000
    told = [None if number % 5 == 0 else int(time) for number, time in enumerate(times)]
    vectors.add(keys, features, ["1" if number % 2 else "2" for number in range(60)], told)
    known, queries = np.arange(60) % 5 != 0, unit(2, seed=1)
    for after, before in ((None, -5000), (-5000, None), (-5000, 3000), (3000, -5000)):
        chosen = (
            known & (times >= (-(2**62) if after is None else after)) & (times < (2**62 if before is None else before))
        )
        check(vectors, queries, features, keys, 60, Where(after=after, before=before), chosen)
        odd = chosen & (np.arange(60) % 2 == 1)
        check(vectors, queries, features, keys, 60, Where(frozenset("1"), None, after, before), odd)
        check(vectors, queries, features, keys, 60, Where(None, "2", after, before), odd)


def test_fill_brings_an_engine_to_what_an_index_holds(vectors):
    features, keys = unit(40), np.arange(40)
    nothing, cameras = [None] * 30, [str(number) for number in range(30)]
    assert fill(vectors, keys[:30], features[:30], nothing, nothing) == (30, 0)
    assert fill(vectors, keys[10:], features[10:], cameras, nothing) == (10, 10)
    assert fill(vectors, keys[10:], features[10:], cameras, nothing) == (0, 0)
    assert vectors.search(features[:1], 30, Where(cameras=frozenset(["29"])))[1][0, 0] == 39
    check(vectors, unit(2, seed=1), features[10:], keys[10:], 30)


def test_no_queries_and_no_vectors(vectors):
    assert vectors.search(unit(2), 3)[1].tolist() == [[-1] * 3] * 2
    assert vectors.search(np.empty((0, WIDTH), dtype=np.float32), 3)[1].shape == (0, 3)
    assert len(vectors.keys()) == 0 and vectors.stats()["vectors"] == 0
    vectors.remove(np.array([1]))


def test_of_equal_vectors_the_first_come_first_whatever_the_blocks(monkeypatch):
    features = np.repeat(unit(5), 50, axis=0)
    vectors = Exact(WIDTH)
    vectors.add(np.arange(250), features, [None] * 250, [None] * 250)
    for first, most in ((1, 3), (7, 40), (250, 10**6)):
        for name, value in (("FIRST_VECTORS", first), ("FIRST_PRODUCTS", first), ("PRODUCTS", most)):
            monkeypatch.setattr(f"dcac_fastreid.deploy.search.exact.{name}", value)
        for row in range(5):
            assert vectors.search(features[50 * row : 50 * row + 1], 30)[1].tolist() == [
                list(range(50 * row, 50 * row + 30))
            ]


def test_a_place_that_is_none_of_milvus_is_one_sentence(tmp_path):
    with pytest.raises(
        InputError, match=r"Milvus shall be at my_index; expected http://HOST:PORT, or a folder .* in .db"
    ):
        Milvus("my_index", 8, "photos")
    require_milvus()
    (tmp_path / "file.db").write_bytes(b"none")
    for place in ("http://localhost:1", str(tmp_path / "file.db")):
        with pytest.raises(InputError, match=f"Milvus at {place} cannot be opened .*search without --milvus") as error:
            Milvus(place, 8, "photos")
        assert "\n" not in str(error.value)


def test_another_width_is_refused(tmp_path):
    milvus(tmp_path).close()
    with pytest.raises(InputError, match="the collection photos of .* has features 16 wide, expected 8"):
        milvus(tmp_path, 8)


def test_a_camera_is_quoted_for_milvus():
    assert expression(Where(frozenset(['a"', "b"]), "c\\", 1, 2)) == (
        'camera in ["a\\"", "b"] and (camera is null or camera != "c\\\\") and time >= 1 and time < 2'
    )
    assert expression(EVERYWHERE) == ""


def _fill_milvus(folder, begun, count):
    vectors = milvus(folder)
    begun.set()
    fill(vectors, np.arange(count), unit(count), ["1"] * count, [0] * count)


@pytest.mark.slow
def test_milvus_that_is_killed_while_it_is_filled_ends_with_all_vectors(tmp_path):
    milvus(tmp_path).close()
    features, keys, there = unit(40_000), np.arange(40_000), []
    spawn = multiprocessing.get_context("spawn")
    for delay in (0.3, 0.5, 0.7, 0.9):
        begun = spawn.Event()
        process = spawn.Process(target=_fill_milvus, args=(tmp_path, begun, len(keys)))
        process.start()
        assert begun.wait(60)
        time.sleep(delay)
        process.kill()
        process.join()
        vectors = milvus(tmp_path)
        there.append(vectors.stats()["vectors"])
        vectors.close()
    assert any(0 < count < len(keys) for count in there), there
    for _ in range(2):
        vectors = milvus(tmp_path)
        fill(vectors, keys, features, ["1"] * len(keys), [0] * len(keys))
        assert np.array_equal(vectors.keys(), keys)
        check(vectors, unit(20, seed=1), features, keys, 50)
        vectors.close()


@pytest.mark.slow
def test_milvus_finds_the_50_that_the_exact_search_finds_among_msmt17s_number_of_vectors(tmp_path):
    count = 82_161
    features, queries = unit(count, 512), unit(20, 512, seed=1)
    cameras = [None if number % 16 == 15 else str(number % 16) for number in range(count)]
    times = [None if number % 10 == 9 else number * 1000 for number in range(count)]
    exact, other = Exact(512), milvus(tmp_path, 512)
    for engine in (exact, other):
        begin = time.perf_counter()
        fill(engine, np.arange(count), features, cameras, times)
        print(engine.stats(), f"filled in {time.perf_counter() - begin:.1f} s")
    for where in (
        EVERYWHERE,
        Where(cameras=frozenset(["3", "5"])),
        Where(not_camera="3"),
        Where(after=count * 250, before=count * 500),
        Where(frozenset(["1", "2", "3"]), "2", count * 250, None),
    ):
        begin = time.perf_counter()
        similarities, keys = exact.search(queries, 50, where)
        middle = time.perf_counter()
        others, other_keys = other.search(queries, 50, where)
        print(where, f"exact {middle - begin:.3f} s, milvus {time.perf_counter() - middle:.3f} s for 20 queries")
        np.testing.assert_allclose(similarities, others, atol=1e-5)
        assert [set(row) for row in keys.tolist()] == [set(row) for row in other_keys.tolist()]
    other.close()
