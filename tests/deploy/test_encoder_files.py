"""Files, folders and a cache of the hub's own client, without a network."""

import logging
import shutil
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import dcac_fastreid
from dcac_fastreid.data import file_sha256, hashes
from dcac_fastreid.deploy import open_encoder
from dcac_fastreid.deploy.encoder_files import find_encoder, to_fetch
from dcac_fastreid.deploy.search.feature_folder import extract_folder
from dcac_fastreid.deploy.search.search import Search
from dcac_fastreid.errors import InputError
from dcac_fastreid.shipped import SYNTHETIC_ENCODER
from dcac_fastreid.warn_once import warn_once

ID, COMMIT, OLDER = "someone/an-encoder", "a" * 40, "b" * 40
THREE_FORMS = "a file .*, a folder .*, OWNER/NAME .*Hugging Face hub"


@pytest.fixture(autouse=True)
def warnings_anew():
    warn_once.cache_clear()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the encoder that comes with the package, as a stranger's model folder."""
    return Path(shutil.copytree(SYNTHETIC_ENCODER, tmp_path / "folder"))


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub's client, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put(source: Path, cache: Path, commit: str = COMMIT, ref: str = "main") -> Path:
    """A folder as the hub's client keeps a download: blobs by their hash, links to them by name, a note of the branch."""
    model = cache / f"models--{ID.replace('/', '--')}"
    for file in source.iterdir():
        blob = model / "blobs" / file_sha256(file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, blob)
        link = model / "snapshots" / commit / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(Path("../..") / "blobs" / blob.name)
    (model / "refs").mkdir(exist_ok=True)
    (model / "refs" / ref).write_text(commit)
    return model / "snapshots" / commit


def encoder_file(name) -> Path:
    return find_encoder(name).file


def one_sentence(name, sentence: str) -> None:
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}[^\n]*$"):
        encoder_file(name)


def test_a_file_and_its_folder_are_the_same_encoder(folder):
    assert encoder_file(folder) == encoder_file(str(folder)) == encoder_file(folder / "encoder.safetensors")


def test_a_runs_folder_is_its_last_checkpoint(tmp_path):
    for name in ("model_final.pth", "model_0009.pth", "model_best.pth"):
        (tmp_path / name).touch()
    assert encoder_file(tmp_path).name == "model_final.pth"


def test_a_file_of_another_name_is_taken_where_it_is_alone(tmp_path):
    for name in ("mine.pth", "prompts.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    assert encoder_file(tmp_path).name == "mine.pth"


@pytest.mark.parametrize("names", [("a.pth", "b.pth"), ("a.safetensors", "model_best.pth")])
def test_of_two_none_is_chosen(names, tmp_path):
    for name in names:
        (tmp_path / name).touch()
    one_sentence(tmp_path, f"holds 2 encoders: {', '.join(names)}; name one")


@pytest.mark.parametrize("left", [(), ("encoder.yml", "README.md")], ids=["empty", "partial"])
def test_a_folder_without_weights_is_one_sentence(left, folder):
    for file in folder.iterdir():
        if file.name not in left:
            file.unlink()
    one_sentence(folder, "holds no encoder: neither encoder.safetensors nor model_final.pth; is it complete")


def test_what_is_missing_tells_all_forms(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("none.pth", "none", "a/b/c", "./a/b", "owner/name@", "logs/ma_ms"):
        one_sentence(name, f"there is no file or folder {name}; expected {THREE_FORMS}.*synthetic, the small encoder")


def test_a_damaged_file_is_noticed_by_its_card(folder):
    """safetensors have no checksums: a flipped bit would be another encoder."""
    file = folder / "encoder.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    one_sentence(
        folder, "encoder.safetensors is not the file that its card describes .*: it is damaged, or was replaced"
    )
    assert encoder_file(file) == file, "by its own name it is taken as it is"
    file.write_bytes(content[:1000])
    (folder / "README.md").unlink()
    with pytest.raises(InputError, match="encoder.safetensors cannot be read as weights"):
        open_encoder(folder, device="cpu")


def test_the_model_folder_in_a_runs_folder_comes_before_the_checkpoint(folder):
    (folder / "model_final.pth").touch()
    assert encoder_file(folder).name == "encoder.safetensors"
    (folder / "encoder.safetensors").write_bytes(b"x")
    one_sentence(folder, "encoder.safetensors is not the file that its card describes")


def test_a_construction_hashes_the_weights_once(folder, monkeypatch):
    """Against the card; what an index and an export tell is this hash."""
    opened, real = [], hashes.hashlib.sha256
    monkeypatch.setattr(hashes.hashlib, "sha256", lambda *begin: (opened.append(begin), real(*begin))[1])
    encoder = open_encoder(folder, device="cpu")
    whole = [begin for begin in opened if not begin]
    assert (
        encoder.sha256
        == encoder.identity()["sha256"]
        == real((folder / "encoder.safetensors").read_bytes()).hexdigest()
    )
    assert len(whole) == 1 and [begin for begin in opened if not begin] == whole


def test_a_model_folder_without_a_card_is_told_once(folder, caplog):
    (folder / "README.md").unlink()
    with caplog.at_level(logging.WARNING):
        assert encoder_file(folder) == encoder_file(folder)
    assert [record.message.split(":")[0] for record in caplog.records] == [f"{folder} has no card, README.md"]


def test_without_any_config_it_is_one_sentence(folder):
    weights = open_encoder(folder, device="cpu").model.state_dict()
    save_file(
        {name: weight for name, weight in weights.items() if name != "heads.weight"}, folder / "encoder.safetensors"
    )
    (folder / "README.md").unlink()
    assert open_encoder(folder, device="cpu").config_file == folder / "encoder.yml", "the config beside it is enough"
    (folder / "encoder.yml").unlink()
    with pytest.raises(
        InputError, match="encoder.safetensors does not tell its architecture, and no config lies beside it"
    ):
        open_encoder(folder, device="cpu")


def test_a_strangers_config_opens_no_other_file(folder):
    save_file({"backbone.proj": torch.zeros(1)}, folder / "encoder.safetensors")
    (folder / "README.md").unlink()
    (folder / "encoder.yml").write_text("_BASE_: /etc/passwd")
    with pytest.raises(InputError, match=r"the config .*encoder.yml builds on another file \(_BASE_\)"):
        open_encoder(folder, device="cpu")


def test_synthetic_is_the_packages_own_and_told_to_be_a_toy(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "synthetic").mkdir()
    with caplog.at_level(logging.WARNING):
        assert encoder_file("synthetic") == encoder_file("synthetic") == SYNTHETIC_ENCODER / "encoder.safetensors"
    assert [record.message[:30] for record in caplog.records] == ["the encoder 'synthetic' is a to"[:30]]
    one_sentence("./synthetic", "the folder synthetic holds no encoder")
    one_sentence(Path("synthetic"), "the folder synthetic holds no encoder")
    (tmp_path / "synthetic").rmdir()
    for path in (Path("synthetic"), "./synthetic"):
        one_sentence(
            path,
            "there is no file or folder .*; the encoder that comes with the package is the text 'synthetic', no path",
        )


def test_a_model_of_the_hubs_cache_needs_no_network(folder, cache):
    put(folder, cache)
    image = torch.full((3, 60, 30), 7, dtype=torch.uint8)
    by_name = dcac_fastreid.FeatureExtractor(ID, device="cpu")
    assert torch.equal(by_name(image), dcac_fastreid.FeatureExtractor(folder, device="cpu")(image))
    assert open_encoder(by_name.encoder.file, device="cpu").sha256 == by_name.encoder.sha256, "as an index stores it"


def test_a_revision_is_a_commit_or_a_name(folder, cache):
    put(folder, cache)
    older = put(folder, cache, OLDER, "v1")
    assert encoder_file(f"{ID}@v1") == encoder_file(f"{ID}@{OLDER}") == older / "encoder.safetensors"
    assert encoder_file(ID).parent.name == COMMIT
    one_sentence(f"{ID}@v2", f"{ID}@v2 is no file or folder here and so a model on the Hugging Face hub")


def test_a_path_that_is_there_comes_before_the_hub(folder, cache, tmp_path, monkeypatch):
    put(folder, cache)
    monkeypatch.chdir(tmp_path)
    here = Path(shutil.copytree(folder, tmp_path / ID))
    assert encoder_file(ID).absolute().parent == here
    (here / "encoder.safetensors").unlink()
    one_sentence(ID, "holds no encoder")


@pytest.mark.parametrize("half", [False, True], ids=["no cache", "half a download"])
def test_without_a_network_what_is_not_cached_is_one_sentence(half, folder, cache):
    if half:
        (put(folder, cache) / "encoder.safetensors").unlink()
    one_sentence(ID, f"{ID} is no file or folder here .* not in the local cache, .*: expected {THREE_FORMS}")


def test_a_pickle_of_the_hub_is_never_taken(folder, cache):
    (folder / "encoder.safetensors").rename(folder / "model_final.pth")
    put(folder, cache)
    one_sentence(ID, "it is not in the local cache")


def test_of_the_hub_only_what_holds_no_code_is_fetched():
    names = [
        "encoder.safetensors",
        "encoder.yml",
        "README.md",
        "model_final.pth",
        "encoder.onnx",
        "model.bin",
        "a/encoder.yml",
    ]
    assert to_fetch(names) == ["encoder.safetensors", "encoder.yml", "README.md"]


def test_an_index_finds_an_encoder_of_the_hubs_cache_again(folder, cache, tmp_path):
    """Behind the link encoder.safetensors lies a blob whose name has no ending."""
    put(folder, cache)
    (tmp_path / "photos").mkdir()
    for number, colour in enumerate(("red", "blue")):
        Image.new("RGB", (40, 80), colour).save(tmp_path / "photos" / f"{number}.png")
    extract_folder(dcac_fastreid.FeatureExtractor(ID, device="cpu"), tmp_path / "photos", tmp_path / "index")
    answer = Search(tmp_path / "index", device="cpu")(tmp_path / "photos" / "1.png", k=1)[0]
    assert [hit.photo.name for hit in answer.hits] == ["1.png"]
