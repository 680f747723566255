import copy
import pickle

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

import dcac_fastreid
from dcac_fastreid import data, deploy
from dcac_fastreid.errors import InputError

AGAIN = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": lambda each: pickle.loads(pickle.dumps(each))}


@torch.no_grad()
def test_features_are_those_of_the_evaluation(checkpoint, extract, make_cfg):
    """Of fast-reid's test loader and load_for_testing, what tools/train_net.py --eval-only calls."""
    cfg = make_cfg("baseline/ma_ms.yml", "MODEL.WEIGHTS", str(checkpoint), "DATALOADER.NUM_WORKERS", 0)
    model = dcac_fastreid.load_for_testing(cfg)
    batches = list(data.build_test_loader(cfg, "DG_MSMT17")[0])
    paths = [path for batch in batches for path in batch["img_paths"]]
    expected = functional.normalize(torch.cat([model(batch) for batch in batches]))
    features = extract(paths)
    assert features.dtype == torch.float32 and features.shape == (len(paths), 128) and len(paths) == 30
    torch.testing.assert_close(features, expected, rtol=0, atol=1e-5)
    assert (features @ features.T).fill_diagonal_(0).max() < 0.999, "the images differ"


def test_sizes_kinds_and_batches_mix(extract, checkpoint):
    """An image's features depend on nobody else in the list."""
    generator = np.random.default_rng(0)
    sizes = [(40, 20), (300, 150), (64, 64), (128, 64), (33, 77), (9, 5)]
    arrays = [generator.integers(0, 255, (*size, 3), dtype=np.uint8) for size in sizes]
    kinds = (lambda a: a, Image.fromarray, lambda a: torch.from_numpy(a).permute(2, 0, 1))
    small_batches = dcac_fastreid.FeatureExtractor(checkpoint, device="cpu", batch_size=4)
    together = small_batches([kinds[place % 3](array) for place, array in enumerate(arrays)])
    alone = torch.cat([extract(array) for array in arrays])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(len(sizes)))


def test_nothing_in_is_nothing_out(extract):
    assert extract([]).shape == (0, 128)


def test_features_can_be_trained_on(extract):
    """No inference tensors: what is built on them may need a gradient."""
    features = extract(np.zeros((8, 4, 3), dtype=np.uint8))
    weight = torch.ones(128, requires_grad=True)
    (features @ weight).sum().backward()
    assert not features.requires_grad and torch.equal(weight.grad, features[0])


def test_an_unreadable_image_is_named(extract, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"none")
    with pytest.raises(InputError, match="broken.jpg cannot be read as an image: [^;]*; copy it again$"):
        extract([np.zeros((8, 4, 3), dtype=np.uint8), tmp_path / "broken.jpg"])


def test_half_precision_is_near(extract, checkpoint):
    image = np.random.default_rng(0).integers(0, 255, (128, 64, 3), dtype=np.uint8)
    half = dcac_fastreid.FeatureExtractor(checkpoint, device="cpu", precision="bf16")(image)
    assert half.dtype == torch.float32 and 0.99 < (half @ extract(image).T).item() and not half.equal(extract(image))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"batch_size": 0}, "the batch size is 0"),
        ({"precision": "int8"}, "the precision is 'int8'; expected fp32 or fp16 or bf16"),
        ({"precision": "fp16"}, "fp16 needs a GPU"),
        ({"device": "abacus"}, "^the device is 'abacus'; expected cuda or cpu"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, sentence, checkpoint):
    with pytest.raises(InputError, match=sentence):
        dcac_fastreid.FeatureExtractor(checkpoint, **{"device": "cpu", **settings})


@pytest.mark.parametrize("nothing", [None, 5, [5], [None]])
def test_what_is_no_image_is_one_sentence(nothing, extract):
    with pytest.raises(InputError, match=r"^expected an image .* or a list of images, got (None|5)$"):
        extract(nothing)


def test_a_folder_is_no_image(extract, tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path} is a folder; expected an image: give the list of the folder's"):
        extract(tmp_path)


@pytest.mark.parametrize("again", AGAIN)
def test_a_copy_gives_the_same_features(again, extract):
    image = np.random.default_rng(0).integers(0, 255, (50, 30, 3), dtype=np.uint8)
    copied = AGAIN[again](extract)
    assert copied is not extract and copied.batch_size == extract.batch_size
    assert torch.equal(copied(image), extract(image)) and copied.encoder.identity() == extract.encoder.identity()


def test_it_is_public():
    assert dcac_fastreid.FeatureExtractor is deploy.FeatureExtractor and "FeatureExtractor" in dcac_fastreid.__all__
    with pytest.raises(AttributeError, match="FeatureExtracter"):
        _ = dcac_fastreid.FeatureExtracter
