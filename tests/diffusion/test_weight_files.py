import shutil

import pytest

from dcac_fastreid.diffusion.weight_files import choose_files, missing_parts

# The files of unet/ in stable-diffusion-v1-5/stable-diffusion-v1-5.
RELEASED = [
    f"diffusion_pytorch_model{variant}.{suffix}"
    for variant in ("", ".fp16", ".non_ema")
    for suffix in ("bin", "safetensors")
] + ["config.json"]


@pytest.mark.parametrize("ema, chosen", [(False, "non_ema.safetensors"), (True, "diffusion_pytorch_model.safetensors")])
def test_one_of_all_forms_is_chosen(ema, chosen):
    files = choose_files(RELEASED, ema=ema)
    assert len(files.names) == 1 and files.names[0].endswith(chosen)


@pytest.mark.parametrize("lacking, chosen", [("non_ema", "model.safetensors"), (".safetensors", "non_ema.bin")])
def test_the_order_of_forms(lacking, chosen):
    assert choose_files([name for name in RELEASED if lacking not in name], ema=False).names[0].endswith(chosen)


def test_sharded_weights_belong_together():
    names = [f"diffusion_pytorch_model.fp16-0000{i}-of-00002.safetensors" for i in (1, 2)]
    assert choose_files(names, ema=True) == ("fp16", ".safetensors", names)


def test_no_weights():
    assert choose_files(["config.json", "other.safetensors", "diffusion_pytorch_model.msgpack"], ema=False) is None


def test_a_device_is_no_weights(sd_folder, tmp_path):
    """Else a training reads it without end."""
    shutil.copytree(sd_folder, tmp_path / "sd")
    assert not missing_parts(tmp_path / "sd")
    file = tmp_path / "sd" / "vae" / "diffusion_pytorch_model.safetensors"
    file.unlink()
    file.symlink_to("/dev/zero")
    assert missing_parts(tmp_path / "sd") == ["vae/*.safetensors"]


def test_what_a_folder_lacks(tmp_path):
    for name in ("unet/config.json", "vae/config.json", "vae/diffusion_pytorch_model.fp16.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert missing_parts(tmp_path) == ["scheduler/scheduler_config.json", "unet/*.safetensors"]
