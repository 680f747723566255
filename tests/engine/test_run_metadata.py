"""What the numbers in a folder are of: data, weights, protocol and code."""

import hashlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from dcac_fastreid import data, setup
from dcac_fastreid.data.readers.dg_datasets import DG_Market1501
from dcac_fastreid.engine import versions
from dcac_fastreid.engine.run_metadata import run_metadata, write_run_metadata
from fastreid.engine import default_argument_parser


@pytest.fixture
def data_root(tiny_data, tmp_path):
    return shutil.copytree(tiny_data, tmp_path / "data_root")


def sha256(path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_the_run_metadata_tells_data_and_protocol(make_cfg, tiny_data):
    told = run_metadata(make_cfg("ma_ms.yml", "SEED", 3))
    assert told == json.loads(json.dumps(told))
    assert (told["protocol"], told["sources"], told["tests"]) == ("single-source", ["DG_Market1501"], ["DG_MSMT17"])
    assert (told["seed"], told["epochs"], told["marks"], told["precision"]) == (3, 1, [], "float32")
    market = told["data_sets"]["DG_Market1501"]
    images = DG_Market1501(root=str(tiny_data)).train
    cameras = len({camera for _, _, camera in images})
    assert market["train"] == {"identities": 8, "images": 48, "cameras": cameras} and len(images) == 48
    assert market["folder"] == "Market-1501-v15.09.15"
    assert told["data_sets"]["DG_MSMT17"]["variant"] == "V1, trained on train and val"
    assert (told["drawn_world"]["seed"], told["drawn_world"]["difficulty"]) == (1, "default")
    assert told["input_size"] == {"train": [128, 64], "test": [128, 64]} and len(told["diffusion_size"]) == 2
    assert told["device"] == {"kind": "cpu", "name": None}
    assert str(tiny_data) not in json.dumps(told), "no path of the machine"


def test_the_run_metadata_tells_who_is_held_out_of_the_training(make_cfg, tiny_data):
    cfg = make_cfg("ma_ms.yml", "SOLVER.INTERPOLATE.CHOOSE", "source")
    told, plain = run_metadata(cfg)["data_sets"], run_metadata(make_cfg("ma_ms.yml"))["data_sets"]
    market = told["DG_Market1501"]
    assert (market["train"]["images"], market["train"]["identities"]) == (36, 6)
    assert (market["validation"]["images"], market["validation"]["identities"]) == (12, 2)
    assert market["digest"] == plain["DG_Market1501"]["digest"]
    assert told["DG_MSMT17"] == plain["DG_MSMT17"] and "validation" not in plain["DG_Market1501"]


def test_several_sources_are_told(make_cfg):
    cfg = make_cfg("ma+d+ms_c3.yml")
    told = run_metadata(cfg)
    assert told["protocol"] == "multi-source" and len(told["data_sets"]) == 4
    assert told["data_sets"]["DG_CUHK03NP"]["variant"] == "new protocol, detected boxes"


def test_weights_are_known_by_their_hash(make_cfg, sd_folder):
    told = run_metadata(make_cfg("ma_ms.yml"))["weights"]
    clip = data.weights_path("synthetic:clip")
    assert told["encoder"] == {Path(clip).name: sha256(clip)}
    unet = "unet/diffusion_pytorch_model.safetensors"
    assert told["diffusion"][unet] == sha256(sd_folder / unet)
    assert {Path(name).parent.name for name in told["diffusion"]} == {"unet", "vae", "scheduler"}
    assert "checkpoint" not in told and "diffusion" not in run_metadata(make_cfg("baseline/ma_ms.yml"))["weights"]


@pytest.mark.parametrize(
    "folder, variant",
    [
        ("MSMT17_V1", "V1, trained on train and val"),
        ("MSMT17_V2", "V2, trained on train and val"),
        ("msmt17/MSMT17_V2", "V2, trained on train and val"),
        ("MSMT17", "V1, trained on train and val"),
    ],
)
def test_the_variant_follows_from_the_folder(data_root, folder, variant):
    (data_root / folder).parent.mkdir(exist_ok=True)
    (data_root / "MSMT17_V1").rename(data_root / folder)
    if "V2" in variant:
        (data_root / folder / "train").rename(data_root / folder / "mask_train_v2")
        (data_root / folder / "test").rename(data_root / folder / "mask_test_v2")
    assert data.describe_dataset("DG_MSMT17", str(data_root))["variant"] == variant


def test_fast_reids_msmt17_leaves_val_out(data_root):
    assert data.describe_dataset("MSMT17", str(data_root))["variant"] == "V1, trained on train"


def test_labeled_boxes_are_told(data_root):
    (data_root / "cuhk03-np" / "detected").rename(data_root / "cuhk03-np" / "labeled")
    told = data.describe_dataset("DG_CUHK03NPLabeled", str(data_root))
    assert told["variant"] == "new protocol, labeled boxes" and told["folder"] == "cuhk03-np/labeled"


def test_the_digest_is_of_the_images_and_not_of_the_place(data_root, tmp_path):
    def digest(root=data_root):
        return data.describe_dataset("DG_Market1501", str(root))["digest"]

    first = digest()
    moved = shutil.copytree(data_root / "Market-1501-v15.09.15", tmp_path / "other" / "Market1501").parent
    assert digest(moved) == first
    image = sorted((data_root / "Market-1501-v15.09.15" / "query").iterdir())[0]
    content = image.read_bytes()
    image.write_bytes(content + b"0")
    assert digest() != first
    image.write_bytes(content)
    assert digest() == first
    image.rename(image.with_name(f"{image.name[:7]}s9_000000_00.jpg"))
    assert digest() != first
    image.symlink_to(tmp_path / "nowhere")  # what DATALOADER.SKIP_CORRUPT passes over
    assert digest() != first


def test_a_run_leaves_its_run_metadata_beside_its_numbers(make_trainer):
    trainer = make_trainer("ma_ms.yml")
    trainer.resume_or_load(resume=False)
    trainer.train()
    written = json.loads((Path(trainer.cfg.OUTPUT_DIR) / "stamp.json").read_text())
    assert written == run_metadata(trainer.cfg)


def test_a_resumed_run_tells_what_was_another_before(make_trainer):
    def run(epochs, resume):
        trainer = make_trainer("baseline/ma_ms.yml", "SOLVER.MAX_EPOCH", epochs)
        trainer.resume_or_load(resume=resume)
        trainer.train()
        return json.loads((Path(trainer.cfg.OUTPUT_DIR) / "stamp.json").read_text())

    assert "before_resuming" not in run(1, False)
    resumed = run(2, True)
    assert resumed["epochs"] == 2 and [before["epochs"] for before in resumed["before_resuming"]] == [1]
    assert len(run(2, True)["before_resuming"]) == 1, "the same again is not told twice"
    assert "before_resuming" not in run(1, False)


def test_a_run_that_was_resumed_without_a_change_has_nothing_to_tell(make_cfg, tmp_path):
    cfg = make_cfg("baseline/ma_ms.yml")
    write_run_metadata(cfg)
    first = (tmp_path / "out" / "stamp.json").read_text()
    write_run_metadata(cfg, resumed=True)
    assert (tmp_path / "out" / "stamp.json").read_text() == first and "before_resuming" not in first


def test_an_evaluation_tells_its_checkpoint_and_no_training(make_trainer, configs, tmp_path, tiny_data):
    trainer = make_trainer("baseline/ma_ma.yml")
    trainer.resume_or_load(resume=False)
    trainer.train()
    best = tmp_path / "out" / "model_best.pth"
    words = ["--config-file", str(tmp_path / "out" / "config.yaml"), "--eval-only", "MODEL.WEIGHTS", str(best)]
    setup(default_argument_parser().parse_args(words))
    told = json.loads((tmp_path / "out" / "evaluation" / "stamp.json").read_text())
    assert told["weights"] == {"checkpoint": {"model_best.pth": sha256(best)}}
    assert "protocol" not in told and len(told["marks"]) == 1


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """git(*words) of a new repository whose one commit has the file one.py; the package lies in it as versions.py."""

    def git(*words) -> str:
        author = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(
            ["git", "-C", tmp_path, *author, *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    git("init")
    (tmp_path / "one.py").write_text("one")
    git("add", "one.py")
    git("commit", "-m", "one")
    (tmp_path / "versions.py").write_text("one")
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "versions.py"))
    return git


def test_the_commit_tells_which_changes(repository, tmp_path):
    def commit(content: bytes) -> str:
        (tmp_path / "versions.py").write_bytes(content)
        return versions.describe_versions()["commit"]

    repository("add", "versions.py")
    repository("commit", "-m", "two")
    head = repository("rev-parse", "HEAD")
    assert commit(b"one") == head
    two, three, binary, other = (commit(content) for content in (b"two", b"three", b"\0one", b"\0two"))
    assert re.fullmatch(head + r"\+changes-[0-9a-f]{8}", two) and commit(b"two") == two
    assert len({two, three, binary, other}) == 4


def test_the_commit_of_a_repository_around_the_installed_package_is_not_told(repository):
    assert repository("rev-parse", "HEAD") and versions.describe_versions()["commit"] is None


def test_the_run_metadata_takes_less_than_two_seconds(make_cfg):
    cfg = make_cfg("ma_ms.yml")
    begin = time.process_time()  # of this process: others may keep the processor busy
    run_metadata(cfg)
    assert time.process_time() - begin < 2
