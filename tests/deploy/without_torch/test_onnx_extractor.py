"""The exported file against the checkpoint, in this environment; in one without PyTorch: test_environment.py."""

import copy
import json
import pickle

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import dcac_fastreid
from dcac_fastreid.deploy.encoder_files import check_name
from dcac_fastreid.errors import InputError


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (50, 30, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_features_are_those_of_the_checkpoint(onnx_file, extract, photo):
    pixels = np.asarray(Image.open(photo))
    images = [photo, str(photo), Image.open(photo).rotate(90), pixels[::-1].copy(), pixels[:9, :5]]
    run = dcac_fastreid.FeatureExtractor(onnx_file, batch_size=2)
    features = run(images)
    assert isinstance(features, np.ndarray) and features.dtype == np.float32
    np.testing.assert_allclose(features, extract(images).numpy(), rtol=0, atol=1e-4)
    assert run([]).shape == (0, 128) and run(np.stack([pixels, pixels])).shape == (2, 128)


@pytest.mark.parametrize(
    "wrong", [{"precision": "fp16"}, {"config_file": "a.yml"}, {"batch_size": 0}, {"device": "tpu"}]
)
def test_what_is_of_checkpoints_alone_is_refused(wrong, onnx_file):
    with pytest.raises(InputError):
        dcac_fastreid.FeatureExtractor(onnx_file, **wrong)


def test_a_file_of_another_program_is_one_sentence(onnx_file, tmp_path, photo):
    model = onnx.load(onnx_file)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    (tmp_path / "broken.onnx").write_text("none")
    for name, sentence in (
        ("other.onnx", "other.onnx does not say what images it takes"),
        ("broken.onnx", "onnxruntime .* cannot read"),
        ("absent.onnx", "there is no file"),
    ):
        with pytest.raises(InputError, match=sentence):
            dcac_fastreid.FeatureExtractor(tmp_path / name)
    run = dcac_fastreid.FeatureExtractor(onnx_file)
    for image, sentence in (
        (torch.zeros(3, 8, 8), "expected an image"),
        (tmp_path / "a.jpg", "there is no image"),
        (3, "got 3"),
    ):
        with pytest.raises(InputError, match=sentence):
            run(image)


def test_a_file_whose_images_are_cut_is_one_sentence(onnx_file, tmp_path):
    model = onnx.load(onnx_file)
    next(entry for entry in model.metadata_props if entry.key == "image").value = json.dumps(None)
    onnx.save(model, tmp_path / "cut.onnx")
    with pytest.raises(InputError, match="resizes each image to one size"):
        dcac_fastreid.FeatureExtractor(tmp_path / "cut.onnx")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_gives_the_same_features(again, onnx_file, photo):
    run = dcac_fastreid.FeatureExtractor(onnx_file, "cpu", batch_size=2)
    copied = again(run)
    assert copied is not run and copied.batch_size == 2
    np.testing.assert_array_equal(copied(photo), run(photo))


def test_what_needs_the_checkpoint_says_so(onnx_file):
    with pytest.raises(InputError, match="name the checkpoint, or the folder that it was exported to"):
        check_name(onnx_file)
    with pytest.raises(InputError, match="gives features alone, and no index"):
        dcac_fastreid.FeatureExtractor(onnx_file).encoder  # noqa: B018
