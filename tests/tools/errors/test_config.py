"""A config file, a key or an option that cannot be read."""

import pytest

from .case import Case, write

CASES = [
    Case("no config file", "no config file {tmp}/none.yml", config="{tmp}/none.yml"),
    Case("broken yaml", "bad.yml is no yaml", arrange=write("bad.yml", "MODEL: [1,\n"), config="{tmp}/bad.yml"),
    Case("a yaml without keys", "must hold keys", arrange=write("bad.yml", "- a\n- b\n"), config="{tmp}/bad.yml"),
    Case("missing _BASE_", "builds on .*gone.yml", arrange=write("a.yml", "_BASE_: gone.yml\n"), config="{tmp}/a.yml"),
    Case(
        "unknown key in a file",
        "no config key 'SOLVER.BASE_LERNRATE' .*bad.yml.*nearest one is SOLVER.BASE_LR",
        arrange=write("bad.yml", "SOLVER:\n  BASE_LERNRATE: 1\n"),
        config="{tmp}/bad.yml",
    ),
    Case(
        "unknown key",
        "no config key 'MODEL.DCAC.CONDITIONER.TEU'.*nearest one is MODEL.DCAC.CONDITIONER.TAU",
        "MODEL.DCAC.CONDITIONER.TEU 1",
    ),
    Case("key without value", "come in pairs, KEY VALUE; got 9", "SOLVER.BASE_LR"),
    Case("value of another type", "SOLVER.MAX_EPOCH is 'many'; expected a whole number", "SOLVER.MAX_EPOCH many"),
    Case("--resume and --eval-only", "leave one of them out", "--eval-only --resume"),
    Case("no GPU asked for", "--num-gpus is 0; expected 1 or more", "--num-gpus 0"),
    Case("no number of GPUs", "--num-gpus is -1; expected 1 or more", "--num-gpus -1"),
    Case("no checkpoint named", "add MODEL.WEIGHTS", "--eval-only"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_wrong_input_ends_in_one_sentence(case, stops):
    stops(case)


def test_no_arguments_at_all(train_net):
    status, written = train_net()
    assert (status, written.strip().count("\n")) == (2, 0)
    assert written.startswith("error: no config is named; add --config-file DCAC/ma_ms.yml")


@pytest.mark.parametrize("behind", [(), ("SOLVER.MAX_EPOCH", 1)], ids=["alone", "before a setting"])
def test_a_path_behind_resume(train_net, configs, behind):
    status, written = train_net("--config-file", configs / "synthetic" / "ma_d.yml", "--resume", "logs/a", *behind)
    assert status == 2
    assert written.startswith("error: --resume takes no path, got 'logs/a': it goes on with the run in OUTPUT_DIR")
