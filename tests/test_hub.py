import pytest

from dcac_fastreid.hub import is_hub_id


@pytest.mark.parametrize(
    "name, hub",
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", True),
        ("CompVis/stable-diffusion-v1-4", True),
        ("weights/stable-diffusion-v1-5", False),
        ("stable-diffusion-v1-5", False),
        ("a/b/c", False),
        ("/stable-diffusion", False),
        ("./sd", False),
        ("~/sd", False),
        ("owner/v1-5-pruned.ckpt", False),
        ("owner/v1-5-pruned.safetensors", False),
        ("logs/encoder.onnx", False),
        ("here/sd", False),  # the folder exists, sd in it does not
        ("owner/", False),
        ("", False),
    ],
)
def test_what_is_a_hub_id(name, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert is_hub_id(name) == hub
