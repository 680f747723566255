import shutil

import pytest
import torch

from dcac_fastreid import data
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.deploy import open_encoder
from dcac_fastreid.errors import InputError
from fastreid.modeling import build_model

HOST = ("MODEL.META_ARCHITECTURE", "Baseline", "MODEL.LOSSES.NAME", ("CrossEntropyLoss",))
RESNET = (
    *HOST, "MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x", "MODEL.BACKBONE.FEAT_DIM", 512,
    "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool",
)  # fmt: skip
OSNET = (
    *HOST, "MODEL.BACKBONE.NAME", "build_osnet_backbone", "MODEL.BACKBONE.DEPTH", "x0_25", "MODEL.BACKBONE.FEAT_DIM", 128,
    "MODEL.HEADS.POOL_LAYER", "GlobalAvgPool", "MODEL.HEADS.EMBEDDING_DIM", 16,
)  # fmt: skip


def features_of(model, size=(128, 64)):
    images = 255 * torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.eval()({"images": images})


@pytest.fixture
def host_file(make_cfg, tmp_path):
    """host_file(*opts): a checkpoint as fast-reid itself writes it, which carries no config; its model and its config."""

    def host_file(*opts):
        cfg = make_cfg("baseline/ma_ms.yml", "MODEL.BACKBONE.PRETRAIN", False, "MODEL.HEADS.NUM_CLASSES", 7, *opts)
        model = build_model(cfg)
        file = tmp_path / "run" / "model_0009.pth"
        file.parent.mkdir()
        torch.save({"model": model.state_dict()}, file)
        return file, model, cfg

    return host_file


def test_a_training_runs_checkpoint_is_enough(make_trainer, tmp_path):
    """DCAC's, moved away from its run, its data and its diffusion model."""
    trainer = make_trainer("ma_ms.yml", "DATALOADER.NUM_WORKERS", 0)
    trainer.resume_or_load(resume=False)
    trainer.train()
    file = shutil.move(f"{trainer.cfg.OUTPUT_DIR}/model_final.pth", tmp_path / "moved.pth")
    encoder = open_encoder(file, device="cpu")
    assert encoder.input_size == tuple(trainer.cfg.INPUT.SIZE_TEST) and encoder.feature_width == 128
    assert torch.equal(features_of(encoder.model), features_of(trainer.model))
    assert encoder.model.feedback is None


def test_an_exported_encoder_is_enough(checkpoint, encoder, make_cfg, tmp_path):
    export_weights(make_cfg("baseline/ma_ms.yml", "MODEL.WEIGHTS", str(checkpoint)), tmp_path)
    (tmp_path / "encoder.yml").unlink()
    exported = open_encoder(tmp_path / "encoder.safetensors", device="cpu")
    assert torch.equal(features_of(exported.model), features_of(encoder.model))
    assert exported.identity()["config_sha256"] == encoder.identity()["config_sha256"]
    assert exported.identity()["sha256"] == data.file_hashes([exported.file], keep=False)[str(exported.file)]


@pytest.mark.parametrize("opts", [RESNET, OSNET], ids=["ResNet", "OSNet"])
def test_fast_reids_own_architectures_with_the_config_beside_them(opts, host_file):
    file, model, cfg = host_file(*opts)
    (file.parent / "config.yaml").write_text(cfg.dump())
    encoder = open_encoder(file, device="cpu")
    assert torch.equal(features_of(encoder.model), features_of(model))
    assert encoder.feature_width == features_of(model).shape[1]


def test_a_distilled_encoder_needs_no_teacher(host_file):
    """fast-reid's Distiller reads its teachers' files when it is built; the encoder's weights are those of a Baseline."""
    file, model, cfg = host_file(*OSNET)
    text = cfg.dump().replace("META_ARCHITECTURE: Baseline", "META_ARCHITECTURE: Distiller")
    assert "MODEL_CONFIG: []" in text and "Distiller" in text
    (file.parent / "config.yaml").write_text(text.replace("MODEL_CONFIG: []", "MODEL_CONFIG: [teacher.yml]"))
    assert torch.equal(features_of(open_encoder(file, device="cpu").model), features_of(model))


def test_a_config_of_a_machine_with_a_gpu_serves_without_one(host_file):
    file, _, cfg = host_file(*OSNET)
    (file.parent / "config.yaml").write_text(cfg.dump().replace("DEVICE: cpu", "DEVICE: cuda"))
    assert open_encoder(file, device="cpu").device.type == "cpu"


def test_the_test_transforms_crop_counts(host_file):
    file, _, cfg = host_file(*RESNET, "INPUT.CROP.ENABLED", True, "INPUT.CROP.SIZE", [96, 48])
    (file.parent / "config.yaml").write_text(cfg.dump())
    assert open_encoder(file, device="cpu").input_size == (96, 48)


@pytest.mark.parametrize(
    ("written", "opts", "sentence"),
    [
        (None, OSNET, "model_0009.pth does not tell its architecture, and no config lies beside it; name the config"),
        (RESNET, OSNET, "model_0009.pth does not fit the config .*model_0009.pth lacks [0-9]+ weights"),
        (
            (*RESNET, "MODEL.BACKBONE.DEPTH", "34x"),
            RESNET,
            "model_0009.pth does not fit the config .*model_0009.pth lacks [0-9]+ weights",
        ),
        (
            RESNET,
            (*RESNET, "MODEL.BACKBONE.DEPTH", "34x"),
            "model_0009.pth does not fit the config .*model_0009.pth has [0-9]+ weights for which",
        ),
        ((*RESNET, "INPUT.SIZE_TEST", [128]), RESNET, "the config .* brings images to no common size"),
        ((*OSNET, "MODEL.HEADS.NAME", "ClasHead"), OSNET, "the config .* builds a model that gives no features"),
        (
            (*OSNET, "MODEL.BACKBONE.DEPTH", "x9"),
            OSNET,
            "does not fit the config .*: the model cannot be made of .*DEPTH x9",
        ),
    ],
    ids=["no config", "other backbone", "too shallow", "too deep", "no size", "no features", "unregistered"],
)
def test_what_does_not_fit_is_one_sentence(written, opts, sentence, host_file, make_cfg):
    file, _, _ = host_file(*opts)
    if written:
        (file.parent / "config.yaml").write_text(make_cfg("baseline/ma_ms.yml", *written).dump())
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}[^\n]*$"):
        open_encoder(file, device="cpu")


def test_a_config_by_name_comes_first(checkpoint, make_cfg, tmp_path):
    (tmp_path / "other.yml").write_text(make_cfg("baseline/ma_ms.yml", "MODEL.PIXEL_MEAN", [1.0, 2.0, 3.0]).dump())
    named = open_encoder(checkpoint, device="cpu", config_file=tmp_path / "other.yml")
    assert named.model.pixel_mean.flatten().tolist() == [1, 2, 3]
    assert named.identity() != open_encoder(checkpoint, device="cpu").identity()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no file .*weights.pth"),
        (b"no weights", "weights.pth cannot be read as weights"),
        ({"weight": torch.zeros(1)}, "weights.pth is no checkpoint of fast-reid"),
        ({"model": {}, "encoder_config": "MODEL: {NONSENSE: 1}"}, "'MODEL.NONSENSE' .the config in .*weights.pth"),
        ({"model": {}, "encoder_config": "_BASE_: https://x"}, "the config in .*weights.pth builds on another file"),
        (
            {"model": {}, "encoder_config": '"\\x5fBASE_": https://x'},
            "the config in .*weights.pth builds on another file",
        ),
        ({"model": {}, "encoder_config": "MODEL: {"}, "the config in .*weights.pth is no yaml"),
    ],
)
def test_what_is_no_checkpoint_is_one_sentence(content, sentence, tmp_path):
    file = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content:
        torch.save(content, file)
    with pytest.raises(InputError, match=f"^[^\n]*{sentence}[^\n]*$"):
        open_encoder(file, device="cpu")


def test_without_a_gpu_cuda_is_refused(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="^the device is cuda, but PyTorch finds no GPUs .*; take cpu"):
        open_encoder(checkpoint, device="cuda")


def test_no_path_is_one_sentence():
    with pytest.raises(InputError, match="^the checkpoint is None; expected the path of a file"):
        open_encoder(None)
