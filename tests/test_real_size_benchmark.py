"""benchmarks/real_size.py: its data sets, how it counts, and a start of a training at a small size."""

import hashlib
import importlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image, ImageFile

from dcac_fastreid.data.checks.test_split import check_test_split
from dcac_fastreid.data.images import read_image
from dcac_fastreid.data.readers.known_datasets import KNOWN_DATASETS
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.errors import InputError

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SCALE = 0.002
NAMES = ("DG_Market1501", "DG_DukeMTMC", "DG_MSMT17", "DG_CUHK03NP")


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return lambda name: importlib.import_module(f"real_sizes.{name}")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """All four at a small size."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        importlib.import_module("real_sizes.write").write(folder, NAMES, scale=SCALE)
    return folder


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "images"),
    [("DG_Market1501", 36_036), ("DG_DukeMTMC", 36_411), ("DG_MSMT17", 126_441), ("DG_CUHK03NP", 14_097)],
)
def test_full_size_is_that_of_the_literature(module, name, images):
    planned = list(module("data_sets").shots(name))
    layout = module("data_sets").REAL[name].layout
    assert len({layout.path(shot) for shot in planned}) == len(planned) == images
    of_split = {"train": ("train", "val"), "query": ("query",), "gallery": ("gallery", "distractors")}
    for split, parts in of_split.items():
        people = [shot.person for shot in planned if shot.split in parts]
        assert (len(set(people)), len(people)) == KNOWN_DATASETS[name].counts[split]
    assert max(shot.camera for shot in planned) + 1 == module("data_sets").REAL[name].cameras


@pytest.mark.parametrize("name", NAMES)
def test_the_data_sets_are_read_and_can_be_tested_on(module, root, name):
    counts, dataset = module("data_sets").counts(name, SCALE), read_dataset(name, str(root))
    assert len(dataset.train) == counts["train"][1] + counts.get("val", (0, 0))[1]
    assert len(dataset.query) == counts["query"][1]
    assert len(dataset.gallery) == counts["gallery"][1] + counts.get("distractors", (0, 0))[1]
    assert len({person for _, person, _ in dataset.train}) == counts["train"][0]
    check_test_split(name, dataset.query, dataset.gallery)


def test_no_two_images_are_alike_and_all_are_as_large_as_they_should_be(module, root):
    pixels, sizes = [], {}
    for name in NAMES:
        real = module("data_sets").REAL[name]
        for path in sorted((root / real.layout.folder).rglob("*.[jp][pn]g")):
            image = read_image(str(path))
            pixels.append(hashlib.sha256(image.tobytes()).digest())
            sizes.setdefault(name, set()).add(image.size)
            assert real.widths[0] <= image.width <= real.widths[1]
            assert 0.9 * real.heights[0] <= image.height <= 1.1 * real.heights[1]
    assert len(set(pixels)) == len(pixels) > 600
    assert sizes["DG_Market1501"] == {(64, 128)} and len(sizes["DG_MSMT17"]) > 100


def test_it_goes_on_where_it_was_killed_and_makes_the_same_bytes(module, root):
    write, folder = module("write"), root / "MSMT17_V1"
    before = files(folder)
    mark, kept, *lost = folder / write.MARK, *sorted(folder.rglob("*.jpg"))
    mark.write_text(json.dumps({"scale": SCALE, "seed": 0}))
    kept_since = kept.stat().st_mtime_ns
    for path in lost[::3]:
        path.unlink()
    (lost[0].parent / f".{lost[0].name}").write_bytes(before[lost[0]][:100])  # what was being written
    write.write(root, ["DG_MSMT17"], scale=SCALE, workers=2)
    assert files(folder) == before and kept.stat().st_mtime_ns == kept_since


def test_images_of_another_scale_are_not_mixed(module, root):
    with pytest.raises(InputError, match="another scale or seed"):
        module("write").write(root, ["DG_Market1501"], scale=0.5)


def test_every_function_of_a_pass_is_there(module):
    assert module("passes").missing() == []


def test_a_function_is_replaced_wherever_it_was_imported(module, monkeypatch):
    home, user = ModuleType("dcac_fastreid.home"), ModuleType("dcac_fastreid.user")
    home.read = user.alias = lambda: "own"
    for made in (home, user):
        monkeypatch.setitem(sys.modules, made.__name__, made)
    module("passes").replace("dcac_fastreid.home:read", lambda function: lambda: f"replaced {function()}")
    assert home.read() == user.alias() == "replaced own"


def test_time_and_bytes_are_those_of_the_innermost_pass(module, tmp_path):
    begun = time.monotonic()
    ledger = module("ledger").Ledger(begun, "imports", tmp_path)
    inner = ledger.wrap("inner")(lambda: ((tmp_path / "file").write_bytes(bytes(2**20)), time.sleep(0.1)))
    ledger.change_outer("rest")
    ledger.wrap("outer")(lambda: (time.sleep(0.05), inner(), sum(range(10**7))))()
    passes = ledger.close()
    assert set(passes) == {"imports", "rest", "outer", "inner"}
    assert passes["inner"]["wall_s"] >= 0.1 and passes["outer"]["wall_s"] >= 0.05
    assert sum(each["wall_s"] for each in passes.values()) <= time.monotonic() - begun + 0.001
    assert passes["outer"]["cpu_s"] > passes["inner"]["cpu_s"]
    assert passes["inner"]["cache_mib"] == 1 and passes["outer"]["cache_mib"] == 0
    assert passes["outer"]["peak_anonymous_gib"] > 0.01


def test_decodings_are_counted_image_by_image(module, root, tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", ImageFile.ImageFile.load)  # put back behind the test
    passes = iter([3, 3, 4, 4, 4])
    decoded = module("decoded").Decoded(tmp_path / "decoded", lambda: next(passes))
    first, second, third, *_ = sorted((root / "MSMT17_V1").rglob("*.jpg"))
    for path in (first, second, first):
        read_image(str(path)).tobytes()
    with Image.open(io.BytesIO(first.read_bytes())) as image:
        image.convert("L").resize((4, 4))
    assert Image.open(third).size  # is not decoded
    if not os.fork():
        read_image(str(second))
        os._exit(0)
    assert os.wait()[1] == 0
    assert decoded.counts() == ({2: 1, 3: 1}, {3: 2, 4: 3})


@pytest.mark.slow
def test_the_command_measures_all_passes_cold_and_warm(module, root, tmp_path):
    output = tmp_path / "real_size.json"
    words = ["--data", str(root), "--config", "DCAC/synthetic/ms_ma.yml", "--output", str(output)]
    run = subprocess.run(
        [sys.executable, str(BENCHMARKS / "real_size.py"), "measure", *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS.parent)},
    )
    assert run.returncode == 0, run.stderr
    figures = json.loads(output.read_text())
    expected = {*module("passes").PASSES, "imports", "rest"}
    for start in (figures["cold"], figures["warm"]):
        assert set(start["passes"]) == expected and start["functions_not_found"] == []
        assert sum(each["wall_s"] for each in start["passes"].values()) == pytest.approx(start["total_s"], abs=0.01)
        assert start["data_path"]["cpu_ms"] > 0
    train = figures["cold"]["training_images"]
    assert train == sum(module("data_sets").counts("DG_MSMT17", SCALE)[split][1] for split in ("train", "val"))
    kept = {kind: figures[kind]["passes"] for kind in ("cold", "warm")}
    assert kept["cold"]["hashes and pixels"]["cache_mib"] > 0 == kept["warm"]["hashes and pixels"]["cache_mib"]
    assert kept["cold"]["latents"]["cache_mib"] != 0 == kept["warm"]["latents"]["cache_mib"]  # the images for them go
    assert sum(figures["cold"]["decoded_in_pass"].values()) > sum(figures["warm"]["decoded_in_pass"].values())
    assert "data path of a step" in run.stdout
