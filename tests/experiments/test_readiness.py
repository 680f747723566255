"""What any run of a table lacks is told at once, before the first one is trained."""

from pathlib import Path

import pytest

from dcac_fastreid.errors import InputError, MissingInputs
from dcac_fastreid.experiments import readiness
from dcac_fastreid.experiments.protocols import tables_of
from dcac_fastreid.experiments.readiness import check_runs
from dcac_fastreid.experiments.table_runs import restrict, runs_of


@pytest.fixture
def runs(configs, tmp_path):
    def runs(table: str, *opts, synthetic: bool = False, seeds: int = 1):
        specs = tables_of(table)
        folder = configs / "synthetic" if synthetic else configs
        return restrict([runs_of(spec, folder, tmp_path / "out", seeds=seeds, opts=opts) for spec in specs], specs)

    return runs


def test_all_data_sets_and_weights_that_the_papers_tables_lack_are_one_list(runs, tmp_path):
    words = [
        "MODEL.BACKBONE.PRETRAIN_PATH",
        str(tmp_path / "clip.pt"),
        "MODEL.DCAC.DIFFUSION.WEIGHTS",
        str(tmp_path / "sd"),
    ]
    with pytest.raises(MissingInputs, match="nothing was started, 6 things are missing:") as raised:
        check_runs(runs("all", "DATASETS.ROOT", str(tmp_path), *words), dry_run=True)
    lines = [line.split(":")[0].removeprefix("  - ") for line in str(raised.value).splitlines()[1:-1]]
    of_data = ["DG_Market1501", "DG_DukeMTMC", "DG_MSMT17", "DG_CUHK03NP"]
    assert sorted(lines) == sorted([*of_data, "CLIP ViT-B/16", "Stable Diffusion 1.5"])
    assert not (tmp_path / "out").exists()


def test_weights_that_only_a_later_row_needs_are_missed_at_once(runs, tiny_data, tmp_path):
    opts = [
        "DATASETS.ROOT", str(tiny_data), "MODEL.DEVICE", "cpu", "SOLVER.IMS_PER_BATCH", 16, "SOLVER.AMP.ENABLED", False,
        "MODEL.DCAC.DIFFUSION.WEIGHTS", str(tmp_path / "none"),
    ]  # fmt: skip
    with pytest.raises(FileNotFoundError, match="1 thing is missing:\n  - Stable Diffusion 1.5: no"):
        check_runs(runs("2", *opts, synthetic=True))


def test_a_kind_of_run_is_checked_once_and_a_choice_of_data_sets_once(runs, tiny_data, monkeypatch):
    there, data = [], []
    monkeypatch.setattr(readiness, "check_there", lambda configs, training: there.extend(configs))
    monkeypatch.setattr("dcac_fastreid.data.check_datasets", lambda cfg, training: data.append(cfg.DATASETS.NAMES))
    monkeypatch.setattr("dcac_fastreid.data.check_leakage", lambda cfg, _: data.append(cfg.DATASETS.NAMES))
    check_runs(runs("2", "DATASETS.ROOT", str(tiny_data), synthetic=True, seeds=3))
    assert len(there) == 4 and len(data) == 2 * 2
    data.clear()
    check_runs(runs("2", "DATASETS.ROOT", str(tiny_data), synthetic=True), dry_run=True)
    assert len(data) == 2, "a dry run compares no images, as that keeps hashes"


def test_a_dry_run_makes_no_synthetic_data_set(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    check_runs(runs("2", synthetic=True), dry_run=True)
    assert not (tmp_path / "cache").exists()


def test_faults_of_several_data_sets_are_one_list(runs, monkeypatch):
    monkeypatch.setattr(readiness, "check_there", lambda configs, training: None)

    def broken(cfg, training):
        raise InputError(f"{cfg.DATASETS.NAMES[0]} is broken")

    monkeypatch.setattr("dcac_fastreid.data.check_datasets", broken)
    with pytest.raises(
        InputError, match="2 things are wrong with the data:\n  - DG_Market1501 is broken\n  - DG_DukeMTMC is"
    ):
        check_runs(runs("2", "DATASETS.ROOT", str(Path.cwd())))
