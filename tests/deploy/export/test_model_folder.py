"""The folder that one gives away: read back by our own loader, its card by the hub's own parser."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import ModelCard
from safetensors.torch import load_file, save_file

from dcac_fastreid.data import file_sha256
from dcac_fastreid.deploy import FeatureExtractor, open_encoder
from dcac_fastreid.deploy.export.export_metadata import describe_export
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.model_folder import share_encoder, share_weights
from dcac_fastreid.deploy.export.origin import origin_of
from dcac_fastreid.errors import InputError

RUN = {
    "protocol": "single-source",
    "sources": ["DG_Market1501"],
    "epochs": 22,
    "seed": 3,
    "tests": ["DG_MSMT17", "DG_DukeMTMC"],
    "drawn_world": None,
    "weights": {"encoder": {"ViT-B-16.pt": "ab" * 32}},
    "versions": {"torch": "2.9", "commit": "c" * 40},
    "marks": ["DG_MSMT17: picked by its own test"],
}
LAST = {"DG_MSMT17/mAP": 21.25, "DG_MSMT17/Rank-1": 49.0, "DG_DukeMTMC/mAP": 40.0, "elsewhere/mAP": 1.0, "lr": 1e-5}
IMAGE = torch.randint(0, 255, (3, 90, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def run(checkpoint, make_cfg, tmp_path):
    """run(metadata, *metrics): the config of a run in a folder of its own, with its checkpoint, stamp.json and metrics.json."""

    def run(metadata=None, *metrics):
        folder = tmp_path / "run"
        folder.mkdir()
        shutil.copyfile(checkpoint, folder / "model_final.pth")
        if metadata is not None:
            (folder / "stamp.json").write_text(json.dumps(metadata))
        (folder / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in metrics))
        return make_cfg("baseline/ma_ms.yml", "MODEL.WEIGHTS", str(folder / "model_final.pth"))

    return run


def card_of(folder) -> ModelCard:
    return ModelCard.load(folder / "README.md")


def test_the_folder_is_read_back_as_the_same_encoder(run, extract, tmp_path):
    exported, _ = share_weights(run(), tmp_path / "shared")
    assert [file.name for file, _ in exported] == ["encoder.safetensors", "encoder.yml", "README.md"]
    assert torch.equal(FeatureExtractor(tmp_path / "shared", device="cpu")(IMAGE), extract(IMAGE))


def test_fp16_is_half_the_size_and_computes_in_fp32(run, extract, tmp_path):
    cfg = run()
    sizes = []
    for half in (False, True):
        share_weights(cfg, tmp_path / "shared", half=half)
        sizes.append((tmp_path / "shared" / "encoder.safetensors").stat().st_size)
    assert sizes[1] < 0.52 * sizes[0]
    halved = FeatureExtractor(tmp_path / "shared", device="cpu")
    assert {weight.dtype for weight in halved.encoder.model.parameters()} == {torch.float32}
    torch.testing.assert_close(halved(IMAGE), extract(IMAGE), rtol=0, atol=2e-3)
    vectors = [weight for weight in load_file(halved.encoder.file).values() if weight.ndim < 2]
    assert torch.float16 not in {weight.dtype for weight in vectors}, "statistics may be beyond fp16"


def test_what_fp16_cannot_hold_is_one_sentence(run, tmp_path):
    cfg = run()
    content = torch.load(cfg.MODEL.WEIGHTS)
    content["model"]["backbone.tower.proj"][0, 0] = 1e5
    torch.save(content, cfg.MODEL.WEIGHTS)
    with pytest.raises(InputError, match="^backbone.tower.proj has numbers that fp16 cannot hold"):
        share_weights(cfg, tmp_path / "shared", half=True)
    assert not (tmp_path / "shared").exists()


def test_the_card_tells_data_protocol_metrics_and_hashes(run, tmp_path):
    folder = tmp_path / "shared"
    share_weights(run(RUN, {"DG_MSMT17/mAP": 1.0}, LAST), folder, weights_license="MIT", data_license="ours")
    card = card_of(folder)
    assert (
        card.data.license == "mit"
        and card.data.datasets == ["Market1501"]
        and card.data.library_name == "dcac_fastreid"
    )
    results = {(each.dataset_type, each.metric_type): each.metric_value for each in card.data.eval_results}
    assert results == {("msmt17", "map"): 21.25, ("msmt17", "rank-1"): 49.0, ("dukemtmc", "map"): 40.0}
    for words in (
        "Trained on: Market1501.", "epochs 22, seed 3", "| MSMT17 | 21.2 | 49.0 | - | - | - |", "- data: ours", "- weights: MIT",
        "- DG_MSMT17: picked by its own test", "encoder: ViT-B-16.pt (sha256 abab", f"commit {'c' * 40}",
    ):  # fmt: skip
        assert words in card.text, words
    for name in ("encoder.safetensors", "encoder.yml"):
        assert f"| {name} | {(folder / name).stat().st_size} | `{file_sha256(folder / name)}` |" in card.text


def test_a_synthetic_data_set_is_never_told_as_the_real_one(run, tmp_path):
    share_weights(
        run(RUN | {"drawn_world": {"version": 6, "seed": 0, "difficulty": "default"}}, LAST), tmp_path / "shared"
    )
    card = card_of(tmp_path / "shared")
    assert card.data.datasets == ["dcac_fastreid-synthetic"] and "synthetic-data" in card.data.tags
    assert {each.dataset_type for each in card.data.eval_results} == {
        "dcac_fastreid-synthetic-msmt17",
        "dcac_fastreid-synthetic-dukemtmc",
    }
    assert all("synthetic" in each.dataset_name for each in card.data.eval_results)
    assert "| MSMT17 (synthetic, not the real data set) | 21.2 |" in card.text


def test_the_only_test_of_a_run_has_no_name_in_its_metrics(run):
    cfg = run(RUN | {"tests": ["DG_MSMT17"]}, {"mAP": 20.0, "Rank-1": 40.0, "loss_cls": 1.0})
    assert origin_of(Path(cfg.MODEL.WEIGHTS)).scores == {"DG_MSMT17": {"mAP": 20.0, "Rank-1": 40.0}}
    other = shutil.copyfile(cfg.MODEL.WEIGHTS, Path(cfg.MODEL.WEIGHTS).with_name("model_0009.pth"))
    assert origin_of(other).scores == {}, "the run's last test is not of this one"


def test_of_what_nobody_tells_nothing_is_made_up(run, tmp_path):
    share_weights(run(), tmp_path / "shared")
    card = card_of(tmp_path / "shared")
    assert card.data.license == "other" and card.data.license_name == "not-stated" and card.data.eval_results is None
    for words in (
        "Trained on: not stated.",
        "Of its training nothing is stated: no run metadata (stamp.json) lay beside the checkpoint.",
        "Not stated: no test of the run's last",
    ):
        assert words in card.text


def test_words_from_a_file_stay_words(run, tmp_path):
    evil = "a | b <script>\n# Heading\n---\nlicense: mit"
    share_weights(run(RUN | {"sources": [evil], "protocol": evil}, LAST), tmp_path / "shared", weights_license=evil)
    card = card_of(tmp_path / "shared")
    assert card.data.license == "other" and "<script>" not in card.text and "\n# Heading" not in card.text


def test_a_readme_of_ones_own_is_not_overwritten(run, tmp_path):
    folder = tmp_path / "shared"
    cfg = run()
    share_weights(cfg, folder)
    share_weights(cfg, folder)
    card = folder / "README.md"
    card.write_text(card.read_text().replace("<!-- Written by dcac-fastreid.", "My own notes <!--"))
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    for write in (lambda: share_weights(cfg, folder), lambda: export_model(cfg.MODEL.WEIGHTS, folder)):
        with pytest.raises(InputError, match="README.md was not written by this command.*; name another folder"):
            write()
    assert before == {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}


def test_an_export_is_such_a_folder_and_keeps_the_origin(run, tmp_path):
    cfg = run(RUN, LAST)
    share_weights(cfg, tmp_path / "shared", half=True, weights_license="mit")
    exported = export_model(tmp_path / "shared", tmp_path / "exported", formats=["torch-export"])
    assert [file.name for file in exported.beside] == ["encoder.safetensors", "encoder.yml", "README.md"]
    card = card_of(tmp_path / "exported")
    assert (
        "| MSMT17 | 21.2 |" in card.text
        and f"model_final.pth, sha256 `{file_sha256(Path(cfg.MODEL.WEIGHTS))}`" in card.text
    )
    assert f"| encoder.pt2 | {(tmp_path / 'exported' / 'encoder.pt2').stat().st_size} |" in card.text
    first, second = (load_file(tmp_path / name / "encoder.safetensors") for name in ("shared", "exported"))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first), (
        "fp16 as it was"
    )
    encoder = open_encoder(tmp_path / "exported", device="cpu")
    told = describe_export(encoder, "inside", data_license="ours")
    assert json.loads(told["trained_on"]) == ["DG_Market1501"]
    assert (told["data_license"], told["weights_license"]) == ("ours", "mit") and card.data.license == "mit"


def test_an_export_into_its_own_folder_leaves_the_weights(run, tmp_path):
    folder = tmp_path / "shared"
    share_weights(run(RUN, LAST), folder)
    before = file_sha256(folder / "encoder.safetensors")
    assert len(share_encoder(open_encoder(folder, device="cpu"), folder, [])) == 3
    assert file_sha256(folder / "encoder.safetensors") == before
    assert open_encoder(folder, device="cpu").sha256 == before


def test_a_damaged_origin_is_one_sentence(run, tmp_path):
    share_weights(run(), tmp_path / "shared")
    file = tmp_path / "shared" / "encoder.safetensors"
    for text in ("{", "[]", '{"checkpoint": 1}', '{"checkpoint": "a", "sha256": "b", "run": [], "scores": {}}'):
        save_file(load_file(file), file, {"origin": text})
        with pytest.raises(InputError, match="encoder.safetensors is damaged: its entry 'origin'"):
            origin_of(file)
