"""--resume of a run whose files are damaged, of another type, or of other settings: one sentence, or repaired and said."""

import copy
import json
import logging
import os
import shutil
from pathlib import Path

import pytest
import torch

import dcac_fastreid
from dcac_fastreid.engine.resume import cut_lines
from dcac_fastreid.engine.run_metadata import write_run_metadata
from dcac_fastreid.engine.setup import _as_begun
from dcac_fastreid.errors import InputError
from fastreid.engine import default_argument_parser
from fastreid.utils.events import EventStorage

OPTS = ("SOLVER.MAX_EPOCH", 2, "DATASETS.TESTS", (), "TEST.EVAL_PERIOD", 0)
GARBAGE = [
    None,
    "text",
    -1,
    2**70,
    1.5,
    float("nan"),
    True,
    [],
    [None],
    {},
    {"a": 1},
    torch.tensor(float("nan")),
    torch.ones(3),
]


@pytest.fixture(scope="module")
def runs():
    """By name: a trainer that has trained, and its folder."""
    return {}


@pytest.fixture
def run(runs, make_trainer, tmp_path_factory):
    """A trainer that has trained two epochs, with a fresh copy of its folder as its own."""
    if not runs:
        trainer = make_trainer("ma_ms.yml", *OPTS, "OUTPUT_DIR", str(tmp_path_factory.mktemp("trained")))
        trainer.resume_or_load(resume=False)
        trainer.train()
        runs["trained"] = trainer, Path(trainer.cfg.OUTPUT_DIR)
    trainer, whole = runs["trained"]
    folder = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(whole, folder)
    trainer.checkpointer.save_dir = str(folder)
    return trainer, folder


@pytest.fixture
def resumed_at(caplog):
    """From which step on a run is resumed, and what its log says."""

    def resumed_at(trainer):
        caplog.clear()
        logging.getLogger("fastreid").addHandler(caplog.handler)
        try:
            trainer.resume_or_load(resume=True)
        finally:
            logging.getLogger("fastreid").removeHandler(caplog.handler)
        return trainer.progress.steps, caplog.text

    return resumed_at


def places(entry, depth=3, way=()):
    """The ways to all that an entry holds, down to a depth; of what is numbered to the first alone."""
    if depth and isinstance(entry, dict | list | tuple):
        keys = range(min(len(entry), 1))
        if isinstance(entry, dict):
            keys = [key for key in entry if not key] or entry.keys()
        for key in keys:
            yield (*way, key)
            yield from places(entry[key], depth - 1, (*way, key))


def replaced(entry, way, value):
    if not way:
        return value
    entry = dict(entry) if isinstance(entry, dict) else list(entry)
    entry[way[0]] = replaced(entry[way[0]], way[1:], value)
    return entry


@pytest.mark.parametrize("name", ["progress", "optimizer", "lr_sched"])
def test_an_entry_of_another_type_is_never_loaded_and_never_a_traceback(run, name, monkeypatch):
    """Every place in it, with every kind of garbage: a sentence, or the checkpoint before, or a value that does as well."""
    monkeypatch.setattr("dcac_fastreid.checkpoint.checkpointer.check_finite", lambda *args, **named: None)  # takes long
    trainer, folder = run
    checkpoint = torch.load(folder / "model_final.pth")
    check = trainer.checkpointer._check_entries
    ways = [(), *places(checkpoint[name])]
    refused = 0
    for way in ways:
        for garbage in GARBAGE:
            spoiled = {**checkpoint, name: replaced(checkpoint[name], way, garbage)}
            try:
                check("a file", spoiled)
            except InputError as error:
                assert "a file" in str(error) and "\n" not in str(error)
                refused += 1
            else:  # then it must work
                part = trainer.checkpointer.checkpointables[name]
                part.load_state_dict(copy.deepcopy(spoiled[name]))
                if name == "progress":
                    with EventStorage(0) as trainer.storage:
                        trainer.progress.restore()
                if name == "lr_sched":
                    part.step()
                part.load_state_dict(copy.deepcopy(checkpoint[name]))
    assert refused > 0.6 * len(ways) * len(GARBAGE), "most garbage is seen"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content["progress"].update(steps="6"),
        lambda content: content["progress"].pop("random"),
        lambda content: content["progress"]["random"].update(torch=torch.zeros(3)),
        lambda content: content["optimizer"]["state"][0].update(exp_avg=torch.zeros(1, 2, 3)),
        lambda content: content.update(optimizer=[1]),
        lambda content: content.update(epoch="one"),
        lambda content: content.update(lr_sched={"last_epoch": "2"}),
        lambda content: content["model"].update({"heads.weight": None}),
        lambda content: content["model"]["heads.weight"].fill_(float("nan")),
        lambda content: content["optimizer"]["state"][0]["exp_avg"].fill_(float("inf")),
    ],
)
def test_a_malformed_checkpoint_gives_way_to_the_one_before(run, resumed_at, spoil):
    trainer, folder = run
    content = torch.load(folder / "model_final.pth")
    spoil(content)
    torch.save(content, folder / "model_final.pth")
    steps, log = resumed_at(trainer)
    assert steps == 3 and "going on from the checkpoint before it" in log


def test_a_checkpoint_that_is_a_folder(run, resumed_at):
    trainer, folder = run
    (folder / "model_final.pth").unlink()
    (folder / "model_final.pth").mkdir()
    assert resumed_at(trainer)[0] == 3


def test_the_newest_checkpoint_is_the_one_of_the_most_steps_whatever_their_times(run, resumed_at):
    """A folder that is copied has others, and a clock may jump back."""
    trainer, folder = run
    (folder / "last_checkpoint").unlink()
    os.utime(folder / "model_0000.pth", (2**32, 2**32))
    assert resumed_at(trainer)[0] == 6
    (folder / "model_final.pth").write_bytes(b"")
    steps, log = resumed_at(trainer)
    assert steps == 3 and "model_final.pth" in log and "going on from the checkpoint before it" in log


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b"../run/model_0000.pth", b"/etc/passwd", b"x" * 10**6, b"a.txt", b"m\x1b[1m.pth", None],
)
def test_a_last_checkpoint_that_names_none(run, resumed_at, content):
    trainer, folder = run
    tag = folder / "last_checkpoint"
    tag.unlink()
    tag.mkdir() if content is None else tag.write_bytes(content)
    steps, log = resumed_at(trainer)
    assert steps == 6 and log.count("last_checkpoint is damaged") == 1


@pytest.mark.parametrize(
    "opts, message",
    [
        (("SOLVER.OPT", "SGD"), "its optimizer is another one|SOLVER.OPT Adam, got SGD"),
        (("SOLVER.OPT", "AdamW"), "SOLVER.OPT Adam, got AdamW"),
        (("SOLVER.BASE_LR", 0.0123), "SOLVER.BASE_LR .*, got 0.0123"),
        (("SOLVER.WEIGHT_DECAY", 0.0123), "SOLVER.WEIGHT_DECAY .*, got 0.0123"),
        (("SOLVER.GAMMA", 0.0123), "SOLVER.GAMMA .*, got 0.0123"),
        (("SOLVER.SCHED", "MultiStepLR", "SOLVER.WARMUP_ITERS", 0), "SOLVER.SCHED"),
        (("SOLVER.MAX_EPOCH", 1), "the run has done 6 steps, SOLVER.MAX_EPOCH 1 asks for 3"),
    ],
)
def test_other_settings_are_no_continuation(run, make_trainer, opts, message):
    folder = run[1]
    trainer = make_trainer("ma_ms.yml", *OPTS, "OUTPUT_DIR", str(folder), *opts)
    with pytest.raises(InputError, match=f"does not fit this config.*({message}).*MODEL.WEIGHTS in another OUTPUT_DIR"):
        trainer.resume_or_load(resume=True)


def test_a_run_that_cannot_be_resumed_keeps_its_config(run, configs, tiny_data):
    """Its checkpoints are used by it, also where the command, which writes its own there, asks for another model."""
    folder = run[1]
    (folder / "config.yaml").write_text("# of the run\nMODEL: {}\n")
    words = [
        "--resume", "--config-file", str(configs / "synthetic" / "ma_ms.yml"), *map(str, OPTS), "OUTPUT_DIR", str(folder),
        "DATASETS.ROOT", str(tiny_data), "MODEL.DEVICE", "cpu", "SOLVER.IMS_PER_BATCH", "16", "SOLVER.OPT", "SGD",
        "SOLVER.AMP.ENABLED", "False",
    ]  # fmt: skip
    trainer = dcac_fastreid.DCACTrainer(dcac_fastreid.setup(default_argument_parser().parse_args(words)))
    assert "SGD" in (folder / "config.yaml").read_text()
    with pytest.raises(InputError, match="does not fit this config"):
        trainer.resume_or_load(resume=True)
    assert (folder / "config.yaml").read_text() == "# of the run\nMODEL: {}\n"


def test_another_optimizer_is_seen_without_the_settings_that_are_saved_beside_it(run, make_trainer):
    """Of a checkpoint from before they were saved."""
    folder = run[1]
    content = torch.load(folder / "model_final.pth")
    del content["progress"]["solver"]
    torch.save(content, folder / "model_final.pth")
    for opts, message in (
        (("OPT", "SGD"), "another one"),
        (("WEIGHT_DECAY", 0.0123), "groups"),
        (("BASE_LR", 1.0), "lr"),
    ):
        trainer = make_trainer("ma_ms.yml", *OPTS, "OUTPUT_DIR", str(folder), f"SOLVER.{opts[0]}", opts[1])
        with pytest.raises(InputError, match=f"its (optimizer|schedule) .*{message}"):
            trainer.resume_or_load(resume=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[1]",
        b"null",
        b"{",
        b"\xff\xfe{\x00}\x00",
        b'{"before_resuming": 3}',
        b"[" * 10**5,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_damaged_run_metadata_is_written_again(make_cfg, tmp_path, caplog, content):
    cfg = make_cfg("baseline/ma_ms.yml")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "stamp.json").write_bytes(content)
    logging.getLogger("fastreid.dcac").addHandler(caplog.handler)
    write_run_metadata(cfg, resumed=True)
    logging.getLogger("fastreid.dcac").removeHandler(caplog.handler)
    assert "before_resuming" not in json.loads((tmp_path / "out" / "stamp.json").read_text())
    assert "stamp.json is damaged" in caplog.text


@pytest.mark.parametrize(
    "content",
    ["", "- a", "null", "SEED: [", "SEED: many", "SEED: true", "SEED: -7", "\0", "[" * 5000],
    ids=lambda text: text[:9],
)
def test_a_damaged_config_tells_no_seed(make_cfg, tmp_path, content):
    cfg = make_cfg("baseline/ma_ms.yml", "SEED", -1, "OUTPUT_DIR", str(tmp_path))
    resume = default_argument_parser().parse_args(["--resume"])
    (tmp_path / "config.yaml").write_text(content)
    assert _as_begun(cfg, resume).SEED == -1
    (tmp_path / "config.yaml").write_text("SEED: 7")
    assert _as_begun(cfg, resume).SEED == 7


@pytest.mark.parametrize(
    "damage",
    ["[1]", "null", '"iteration"', '{"iteration": "5"}', '{"iteration": null}', "{}", "\0\1", "[" * 10**5],
    ids=lambda text: text[:9],
)
def test_damaged_lines_of_metrics_cost_no_other(tmp_path, damage):
    file = tmp_path / "metrics.json"
    lines = ['{"iteration": 2}\n', '{"iteration": 5}\n', '{"iteration": 8}\n']
    for place in range(4):
        file.write_text("".join([*lines[:place], damage + "\n", *lines[place:]]))
        with open(file, "a") as writer:  # as the run's own
            cut_lines(str(file), 5)
            writer.write('{"iteration": 6}\n')
        assert file.read_text() == "".join(lines[:2]) + '{"iteration": 6}\n'
