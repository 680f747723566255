import shutil

import pytest
import torch

from dcac_fastreid.analysis.run import Run, give_distinct_names
from dcac_fastreid.checkpoint.export import export_weights
from dcac_fastreid.errors import InputError
from dcac_fastreid.tensor_files import read_tensor_file


def test_both_models_have_the_checkpoints_weights(dcac_run):
    weights = read_tensor_file(dcac_run.checkpoint)["model"]
    model, training_model = dcac_run.model, dcac_run.training_model
    assert not model.training and not training_model.training
    assert torch.equal(model.heads.weight, weights["heads.weight"]) and dcac_run.num_classes == 8
    state = training_model.state_dict()
    assert state.keys() == weights.keys()
    assert all(torch.equal(state[key], weight) for key, weight in weights.items())
    batch = dcac_run.batch(dcac_run.training_images[:2])
    assert torch.equal(model(batch), training_model(batch))


def test_training_images_have_the_labels_of_the_training(dcac_run, tiny_data):
    images = dcac_run.training_images
    assert len(images) == 48
    people = sorted({image.person for image in images})
    assert all(image.label == people.index(image.person) for image in images)
    assert dcac_run.batch(images[:3])["targets"].tolist() == [image.label for image in images[:3]]


def test_the_machines_device_is_taken_unless_told(trained, tmp_path):
    config = (trained["dcac"].parent / "config.yaml").read_text().replace("DEVICE: cpu", "DEVICE: cuda:7")
    (tmp_path / "config.yaml").write_text(config)
    device = Run(trained["dcac"], tmp_path / "config.yaml").cfg.MODEL.DEVICE
    assert device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert Run(trained["dcac"], opts=["MODEL.DEVICE", "cpu"]).cfg.MODEL.DEVICE == "cpu"


def test_a_baseline_has_no_diffusion_side(baseline_run):
    assert not baseline_run.has_diffusion_side
    with pytest.raises(InputError, match="has no diffusion side, it is of PrototypicalBaseline"):
        baseline_run.training_model  # noqa: B018  # made when asked for


def test_an_encoder_alone_has_no_classifier(trained, tmp_path):
    weights = read_tensor_file(trained["dcac"])["model"]
    encoder = {key: value for key, value in weights.items() if key.startswith(("backbone.", "heads.b"))}
    torch.save({"model": encoder}, tmp_path / "encoder.pth")
    run = Run(tmp_path / "encoder.pth", trained["dcac"].parent / "config.yaml")
    assert run.num_classes == 0 and not run.has_diffusion_side
    assert run.model.heads.weight.shape[0] == 0


def test_runs_of_one_name_have_different_names(trained, tmp_path):
    copies = [tmp_path / file for file in ("a/ma/model.pth", "b/ma/model.pth", "b/ma/last.pth", "c/ma/model.pth")]
    for copy, name in zip(copies, ("dcac", "dcac", "dcac", "baseline"), strict=True):
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained[name], copy)
        shutil.copy(trained[name].parent / "config.yaml", copy.parent)
    a, b, last, baseline = map(Run, copies)
    assert {run.name for run in (a, b, last)} == {"DCAC (ma)"} and baseline.name == "baseline (ma)"
    give_distinct_names([a, b, baseline])
    assert [run.name for run in (a, b, baseline)] == ["DCAC (a/ma)", "DCAC (b/ma)", "baseline (ma)"]
    give_distinct_names([b, last])
    assert [run.name for run in (b, last)] == ["DCAC (model.pth)", "DCAC (last.pth)"]


def test_an_exported_encoder_is_tested_on_what_is_named(dcac_run, tiny_data, tmp_path):
    export_weights(dcac_run.cfg, tmp_path)
    with pytest.raises(InputError, match="encoder.safetensors names no data set to test on, .*; give --dataset NAME"):
        Run(tmp_path / "encoder.safetensors").test_set()
    opts = ["DATASETS.ROOT", str(tiny_data), "DATALOADER.NUM_WORKERS", 0]
    run = Run(tmp_path / "encoder.safetensors", opts=opts, dataset="DG_DukeMTMC")
    assert run.test_set().scores["mAP"] == pytest.approx(dcac_run.test_set().scores["mAP"])


def test_other_training_data_is_one_sentence(trained, tiny_data):
    run = Run(trained["dcac"], opts=["DATASETS.NAMES", ("DG_Market1501", "DG_DukeMTMC")])
    with pytest.raises(
        InputError, match="the training set has 16 identities, the classifier of .* 8; set DATASETS.ROOT"
    ):
        run.training_images  # noqa: B018


def test_a_config_of_another_architecture_is_one_sentence(trained):
    run = Run(trained["baseline"], opts=["MODEL.BACKBONE.NAME", "build_resnet_backbone", "MODEL.BACKBONE.DEPTH", "18x"])
    with pytest.raises(InputError, match="is it of this architecture"):
        run.model  # noqa: B018


def test_a_config_of_another_rank_is_one_sentence(trained):
    run = Run(trained["dcac"], opts=["MODEL.DCAC.LORA.RANK", 4])
    with pytest.raises(InputError, match="does not fit its config .*; give the config.yaml of its run"):
        run.training_model  # noqa: B018


@pytest.mark.parametrize(
    "shape, message",
    [((), "has a classifier .* of shape \\(\\); expected"), ((8, 3), "takes features 3 wide, the config's model has")],
)
def test_a_classifier_of_another_shape_is_one_sentence(shape, message, trained, tmp_path):
    content = dict(read_tensor_file(trained["baseline"]))
    content["model"] = {**content["model"], "heads.weight": torch.zeros(shape)}
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(InputError, match=message):
        Run(tmp_path / "odd.pth", trained["baseline"].parent / "config.yaml").model  # noqa: B018


def test_what_is_not_there_is_one_sentence(trained, tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        Run(tmp_path / "none.pth")
    lonely = tmp_path / "model_final.pth"
    lonely.write_bytes(trained["baseline"].read_bytes())
    with pytest.raises(InputError, match="no config.yaml lies beside .*; name the run's config with --config-file"):
        Run(lonely)
    torch.save({"weights": torch.zeros(1)}, lonely)
    with pytest.raises(InputError, match="is no checkpoint of fast-reid"):
        Run(lonely, trained["baseline"].parent / "config.yaml")
    with pytest.raises(InputError, match="come in pairs, KEY VALUE; got 1 words: DATASETS.ROOT$"):
        Run(trained["baseline"], opts=["DATASETS.ROOT"])
    with pytest.raises(InputError, match="DATASETS.TESTS holds 'Nowhere'; known are"):
        Run(trained["baseline"], dataset="Nowhere")
