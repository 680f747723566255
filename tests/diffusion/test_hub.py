"""Models on the hub, without a network: its cache on disk, and its client replaced."""

import shutil
import time
from types import SimpleNamespace

import huggingface_hub.constants  # a module of its own until something imports it
import pytest

from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.diffusion.hub import hub_folder, to_fetch
from dcac_fastreid.errors import InputError

ID, COMMIT = "owner/small-sd", "a" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty hub cache, and no way to the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))

    def refuse(*args, **kwargs):
        raise ConnectionError("no network here\nand a second line")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", refuse)
    return tmp_path / "hub"


def put(sd_folder, cache):
    """The small model, as the hub's client keeps a download."""
    folder = cache / "models--owner--small-sd"
    shutil.copytree(sd_folder, folder / "snapshots" / COMMIT)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)
    return folder / "snapshots" / COMMIT


def test_a_cached_model_needs_no_network(sd_folder, cache):
    put(sd_folder, cache)
    loaded = stable_diffusion.load_denoiser(ID).state_dict()
    expected = stable_diffusion.load_denoiser(sd_folder).state_dict()
    assert all((weight == expected[key]).all() for key, weight in loaded.items())
    stable_diffusion.load_encoder(ID)


@pytest.mark.parametrize("half", [False, True], ids=["no cache", "half a download in the cache"])
def test_offline_is_one_sentence_and_quick(sd_folder, cache, half):
    if half:
        shutil.rmtree(put(sd_folder, cache) / "vae")
    start = time.monotonic()
    with pytest.raises(
        InputError, match=r"'owner/small-sd', which is no path here .*\(no network here\); go online"
    ) as error:
        stable_diffusion.load_denoiser(ID)
    assert "\n" not in str(error.value) and time.monotonic() - start < 3


def test_a_download_takes_what_is_read_alone(sd_folder, cache, monkeypatch):
    folder = put(sd_folder, cache)
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    fetched = []

    def snapshot_download(model_id, local_files_only=False, revision=None, allow_patterns=None):
        if local_files_only:
            raise FileNotFoundError
        fetched.append((model_id, revision, sorted(allow_patterns)))
        return str(folder)

    answer = SimpleNamespace(
        sha=COMMIT,
        siblings=[SimpleNamespace(rfilename=name) for name in (*names, "README.md", "v1-5-pruned.ckpt", "unet/a.onnx")],
    )
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda self, model_id, **others: answer)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert hub_folder(ID, ema=False) == folder
    assert fetched == [(ID, None, sorted(names))], "by a name under which the cache finds it again"


def test_of_many_forms_one_is_fetched():
    names = [
        f"{part}/diffusion_pytorch_model{variant}.{suffix}"
        for part in ("unet", "vae", "safety_checker")
        for variant in ("", ".fp16")
        for suffix in ("bin", "safetensors")
    ]
    configs = ["unet/config.json", "vae/config.json", "scheduler/scheduler_config.json"]
    fetched = to_fetch([*names, "unet/diffusion_pytorch_model.non_ema.safetensors", *configs, "README.md"], ema=False)
    assert sorted(fetched) == sorted(
        [*configs, "unet/diffusion_pytorch_model.non_ema.safetensors", "vae/diffusion_pytorch_model.safetensors"]
    )


def test_sharded_weights_come_with_their_index():
    names = [f"unet/diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = "unet/diffusion_pytorch_model.safetensors.index.json"
    assert sorted(to_fetch([*names, index], ema=False)) == sorted([*names, index])
