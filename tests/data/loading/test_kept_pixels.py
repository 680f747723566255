"""What a training keeps of its images is made while they are decoded for their hashes."""

import shutil

import pytest
import torch
from PIL import Image

from dcac_fastreid import data
from dcac_fastreid.data import images
from dcac_fastreid.data.pixel_file import VIEWS, MissingPixels, PixelFile
from dcac_fastreid.data.readers.read_dataset import read_dataset
from dcac_fastreid.diffusion import LatentCache
from dcac_fastreid.diffusion.latents import read_view

SIZE = (64, 64)  # of the views


@pytest.fixture
def root(tiny_data, tmp_path, monkeypatch):
    """A copy of the tiny synthetic data set, with a turned and a grey image; nothing is kept of it yet."""
    monkeypatch.setenv("DCAC_FASTREID_CACHE", str(tmp_path / "cache"))
    root = shutil.copytree(tiny_data, tmp_path / "root")
    turned, grey = sorted((root / "Market-1501-v15.09.15" / "bounding_box_train").iterdir())[:2]
    orientation = Image.Exif()
    orientation[0x0112] = 6
    Image.open(turned).save(turned, exif=orientation)
    Image.open(grey).convert("L").save(grey)
    return root


@pytest.fixture
def make(make_cfg, root):
    return lambda *opts: make_cfg("ma_ms.yml", "DATASETS.ROOT", str(root), *opts)


@pytest.fixture
def decoded(monkeypatch):
    names, decode = [], images.decode_image
    monkeypatch.setattr(images, "decode_image", lambda file, name: names.append(name) or decode(file, name))
    return names


class Encoder(torch.nn.Module):
    """Keeps the views that it is given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, views):
        self.seen += views.clone()
        return views[:, :, ::8, ::8].float()


def train(cfg, name="DG_Market1501"):
    return [item[0] for item in read_dataset(name, cfg.DATASETS.ROOT).train]


def encode(cfg, paths):
    """The views that the VAE is given of images, by path."""
    encoder = Encoder()
    LatentCache(data.cache_folder() / "latents", cfg.DATASETS.ROOT).fill(
        paths, encoder, size=SIZE, views=data.diffusion_views(cfg)
    )
    return dict(zip(paths, encoder.seen, strict=True))


def test_views_are_those_that_are_read_and_go_when_their_latents_are_made(make, decoded):
    cfg = make()
    paths = train(cfg)
    data.check_leakage(cfg, data.making_pixels)
    decoded.clear()
    views = encode(cfg, paths)
    assert decoded == [] and not list(data.cache_folder().rglob("views-*"))
    assert len(views) == 48 and all(torch.equal(view, read_view(path, SIZE)) for path, view in views.items())


def test_a_run_leaves_the_views_of_other_sources(make, decoded):
    cfg = make("DATASETS.NAMES", ("DG_Market1501", "DG_DukeMTMC"))
    data.check_leakage(cfg, data.making_pixels)
    decoded.clear()
    for name in cfg.DATASETS.NAMES:
        encode(cfg, train(cfg, name))
    assert decoded == [] and not list(data.cache_folder().rglob("views-*"))


def test_images_without_a_view_are_decoded(make, decoded):
    cfg = make()
    paths = train(cfg)
    data.check_leakage(cfg, data.making_pixels)
    PixelFile(VIEWS, SIZE).forget(paths[:5])
    decoded.clear()
    views = encode(cfg, paths)
    assert sorted(decoded) == sorted(paths[:5])
    assert all(torch.equal(view, read_view(path, SIZE)) for path, view in views.items())


def test_whoever_is_killed_between_the_files_leaves_no_pixels_without_a_view(make, monkeypatch):
    kept, keep = [], MissingPixels.keep

    def once(missing, portion):
        if kept:
            raise KeyboardInterrupt
        kept.append(keep(missing, portion))

    monkeypatch.setattr(MissingPixels, "keep", once)
    with pytest.raises(KeyboardInterrupt):
        data.check_leakage(make(), data.making_pixels)
    paths = train(make())
    assert (
        data.training_pixels(make()).read(paths).places == {} and len(PixelFile(VIEWS, SIZE).read(paths).places) == 48
    )


def test_damaged_views_are_not_encoded(make):
    cfg = make()
    paths = train(cfg)
    data.check_leakage(cfg, data.making_pixels)
    (kept,) = data.cache_folder().rglob("views-*.pixels")
    with open(kept, "r+b") as stream:
        stream.write(b"damaged")
    assert all(torch.equal(view, read_view(path, SIZE)) for path, view in encode(cfg, paths).items())


def test_only_images_that_are_trained_on_are_kept(make):
    bn = ("TEST.PRECISE_BN.ENABLED", True, "TEST.PRECISE_BN.DATASET", "DG_DukeMTMC")
    cfg = make("SOLVER.INTERPOLATE.CHOOSE", "source", *bn)
    data.check_leakage(cfg, data.making_pixels)
    trained = [item[0] for item in data.build_train_loader(cfg).dataset.img_items]
    assert data.training_pixels(cfg).read(trained).places.keys() == set(trained)
    (kept,) = data.cache_folder().rglob("train-*.pixels")
    assert kept.stat().st_size == len(trained) * data.training_pixels(cfg).bytes


def test_damaged_pixels_are_found_when_a_run_begins(make, decoded):
    cfg = make()
    paths = train(cfg)
    data.check_leakage(cfg, data.making_pixels)
    (pixels,) = data.cache_folder().rglob("train-*.pixels")
    with open(pixels, "r+b") as stream:
        stream.write(b"damaged")
    decoded.clear()
    data.check_leakage(cfg, data.making_pixels)
    assert len(decoded) == 1 and len(data.training_pixels(cfg).read(paths, check=True).places) == 48


def test_an_image_that_cannot_be_read_is_left_out_if_asked(make, root):
    broken = sorted((root / "Market-1501-v15.09.15" / "bounding_box_train").iterdir())[-1]
    broken.write_bytes(b"")
    cfg = make("DATALOADER.SKIP_CORRUPT", True)
    for _ in range(2):
        data.check_leakage(cfg, data.making_pixels)
        loader = data.build_train_loader(cfg)
        assert len(loader.cache) == 47 and next(iter(loader))["images"].shape[0] == cfg.SOLVER.IMS_PER_BATCH
