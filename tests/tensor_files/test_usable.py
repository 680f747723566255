"""Weights that are NaN, infinite or of a wrong type are refused with the reason, wherever a file meets a model."""

import pytest
import torch
from safetensors.torch import load_file, save_file

import dcac_fastreid
from dcac_fastreid.checkpoint import StrictCheckpointer
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.diffusion import stable_diffusion
from dcac_fastreid.errors import InputError
from dcac_fastreid.reid import CLIPViT
from dcac_fastreid.reid.clip_weights import load_image_tower
from dcac_fastreid.tensor_files import check_weights
from fastreid.modeling import build_model

BAD = {
    "NaN": (lambda weight: weight.float() * torch.nan, "is NaN or infinite"),
    "infinite": (lambda weight: weight.float() - torch.inf, "is NaN or infinite"),
    "beyond fp32": (lambda weight: weight.double() + 1e300, "is NaN or infinite"),
    "text": (lambda weight: "weight", "is a str"),
    "None": (lambda weight: None, "is None"),
    "a list": (lambda weight: weight.tolist(), "is a list"),
    "sparse": (lambda weight: weight.to_sparse(), "is a sparse tensor"),
    "meta": (lambda weight: weight.to("meta"), "is a tensor on the meta device"),
    "quantized": (
        lambda weight: torch.quantize_per_tensor(weight.float(), 0.1, 0, torch.qint8),
        "is a quantized tensor",
    ),
    "whole numbers": (lambda weight: weight.long(), "has numbers of torch.int64, where the model has torch.float32"),
    "bool": (lambda weight: weight.bool(), "has numbers of torch.bool"),
    "complex": (lambda weight: weight.to(torch.cfloat), "has numbers of torch.complex64"),
}
OF_A_MODEL = ("beyond fp32", "whole numbers", "bool", "complex")  # wrong only beside what a model has


@pytest.mark.parametrize("kind", BAD)
def test_a_checkpoint_with_a_bad_weight_is_refused(kind, make_cfg, tmp_path):
    make, message = BAD[kind]
    file = tmp_path / "model_final.pth"
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.WEIGHTS", str(file), "MODEL.BACKBONE.PRETRAIN", False)
    weights = build_model(cfg).state_dict()
    name = "backbone.tower.ln_post.weight"
    weights[name] = make(weights[name])
    torch.save({"model": weights}, file)
    doors = [
        lambda: dcac_fastreid.load_for_testing(cfg),
        lambda: StrictCheckpointer(build_model(cfg), "").resume_or_load(str(file), resume=False),
    ]
    if kind not in OF_A_MODEL:
        doors.append(lambda: export_weights(cfg, tmp_path / "exported"))
    for read in doors:
        with pytest.raises(InputError, match=f"model_final.pth cannot be used.*{name} ({message})"):
            read()


@pytest.mark.parametrize("kind", BAD)
def test_clips_file_with_a_bad_weight_is_refused(kind, tmp_path):
    make, message = BAD[kind]
    tower = CLIPViT("synthetic-ViT-16", (64, 64)).tower
    weights = {f"visual.{name}": weight for name, weight in tower.state_dict().items()}
    weights["visual.ln_post.weight"] = make(weights["visual.ln_post.weight"])
    torch.save(weights, tmp_path / "clip.pt")
    with pytest.raises(InputError, match=f"clip.pt cannot be used.*ln_post.weight ({message})"):
        load_image_tower(tower, str(tmp_path / "clip.pt"), interpolation="bilinear")


@pytest.mark.parametrize(
    "part, load", [("unet", stable_diffusion.load_denoiser), ("vae", stable_diffusion.load_encoder)]
)
@pytest.mark.parametrize("kind", ["NaN", "whole numbers"])
def test_a_folder_of_stable_diffusion_with_a_bad_weight_is_refused(kind, part, load, sd_folder, tmp_path):
    make, message = BAD[kind]
    folder = tmp_path / "sd"
    for file in sd_folder.rglob("*.*"):
        (folder / file.relative_to(sd_folder)).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.relative_to(sd_folder)).write_bytes(file.read_bytes())
    file = folder / part / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    name = next(name for name in weights if name.endswith("conv_in.weight"))
    save_file({**weights, name: make(weights[name])}, file)
    with pytest.raises(InputError, match=f"cannot be used.*{name} {message}"):
        load(folder)
    file.unlink()
    torch.save({**weights, name: make(weights[name])}, file.with_suffix(".bin"))
    with pytest.raises(InputError, match=f"cannot be used.*{name} {message}"):
        load(folder)


def test_a_mask_may_be_minus_infinite():
    mask = torch.full((2, 2), -torch.inf)
    check_weights({"attn_mask": mask}, {"attn_mask": mask}, "a file")
    for bad in (-mask, mask * 0):
        with pytest.raises(InputError, match="attn_mask is NaN or infinite"):
            check_weights({"attn_mask": bad}, {"attn_mask": mask}, "a file")


def test_a_resume_passes_over_a_checkpoint_with_nan(tmp_path, caplog):
    checkpointer = StrictCheckpointer(torch.nn.Linear(2, 3), str(tmp_path))
    checkpointer.save("model_0000", epoch=0)
    checkpointer.save("model_0001", epoch=1)
    saved = torch.load(tmp_path / "model_0001.pth")
    saved["model"]["weight"][0, 0] = torch.nan
    torch.save(saved, tmp_path / "model_0001.pth")
    assert checkpointer.resume_or_load("", resume=True)["epoch"] == 0
    assert "NaN or infinite numbers in model weight" in caplog.text
