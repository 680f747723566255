"""The folders as they are written; in the programs themselves: test_their_loaders.py."""

import json
import os

import numpy as np
import onnx
import pytest
import torch
import yaml
from PIL import Image
from torch.nn import functional

import dcac_fastreid
from dcac_fastreid.checkpoint import encoder_config
from dcac_fastreid.deploy.export.consumers.consumer import Encoded
from dcac_fastreid.deploy.export.consumers.export_for import export_for
from dcac_fastreid.deploy.export.consumers.known import CONSUMERS
from dcac_fastreid.deploy.export.consumers.their_resize import resized_as_theirs
from dcac_fastreid.deploy.unit_features import UnitFeatures
from dcac_fastreid.engine.config_file import changed
from dcac_fastreid.errors import InputError


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Four photos of two people, larger than the encoder's input and of fine patterns, called as in Market-1501."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for person in (1, 2):
        coarse = generator.integers(0, 255, (12, 6, 3), dtype=np.uint8)
        for camera in (1, 2):
            image = np.asarray(Image.fromarray(coarse).resize((100 + camera, 230), Image.Resampling.BILINEAR))
            fine = generator.integers(0, 100, image.shape, dtype=np.uint8)
            Image.fromarray(image // 2 + fine).save(folder / f"{person:04}_c{camera}s1_000001_01.png")
    return folder


@pytest.fixture(scope="module")
def export(checkpoint, photos, tmp_path_factory):
    """For Ultralytics, into the folder of an earlier export; those for the others are made alike."""
    folder = tmp_path_factory.mktemp("exported")
    (folder / "encoder.onnx").write_text("of an earlier export")
    for file, text in CONSUMERS["ultralytics"].beside.items():
        (folder / file).write_text(text(Encoded((128, 64), 128)))
    return export_for({"ultralytics": folder}, checkpoint, probe_folder=photos)[0]


@pytest.fixture
def beside():
    """The content of the files beside each ONNX file, by their names."""
    encoded = Encoded((128, 64), 128)
    return {name: text(encoded) for consumer in CONSUMERS.values() for name, text in consumer.beside.items()}


def test_the_files_beside_say_what_each_program_reads(beside):
    sidecar = json.loads(beside["osnet_x0_25_encoder.onnx.metadata.json"])
    assert (sidecar["schema_version"], sidecar["model_kwargs"]) == (1, {"img_size": [128, 64]})
    tracker, section = yaml.safe_load(beside["botsort_reid.yaml"]), yaml.safe_load(beside["nvtracker_reid.yml"])["ReID"]
    assert "in another folder, write the file's full path\n# at model." in beside["botsort_reid.yaml"]
    assert tracker["with_reid"] is True and tracker["model"] == "encoder.onnx"
    assert (section["inferDims"], section["reidFeatureSize"], section["netScaleFactor"]) == ([3, 128, 64], 128, 1.0)


def test_what_boxmot_before_july_2026_makes_of_it_is_said():
    known = {size: " ".join(CONSUMERS["boxmot"].remarks(Encoded(size, 128))) for size in ((256, 128), (128, 64))}
    assert "keep both names" in known[256, 128] and "end with an error of onnxruntime" in known[128, 64]


def test_a_folder_has_all_that_its_program_reads(export):
    assert sorted(file.name for file in export.contents) == ["README.md", "botsort_reid.yaml", "encoder.onnx"]
    readme = next(file for file in export.contents if file.name == "README.md").read_text()
    assert (
        "# A person re-identification encoder for Ultralytics" in readme
        and "resize (bilinear, not antialiased): 0.9" in readme
    )


def test_the_graphs_dimensions_and_opset_are_what_they_take(export):
    """onnxruntime 1.24.3 reads opset 18 and IR 10; a free batch must be called "batch"; height and width are fixed."""
    model = onnx.load(next(iter(export.contents)))
    assert (model.opset_import[0].version, len(model.graph.output)) == (18, 1) and model.ir_version <= 10
    shape = [each.dim_param or each.dim_value for each in model.graph.input[0].type.tensor_type.shape.dim]
    assert shape == ["batch", 3, 128, 64]


def test_fed_with_its_pixels_the_file_gives_our_features(export, extract, photos):
    """FeatureExtractor reads from the file what it is fed with."""
    files, file = sorted(photos.iterdir()), next(iter(export.contents))
    run = dcac_fastreid.FeatureExtractor(file)
    np.testing.assert_allclose(run(files), extract(files).numpy(), rtol=0, atol=1e-4)
    assert run.onnx.metadata["made_for"] == "Ultralytics"


@torch.no_grad()
@pytest.mark.parametrize("name", CONSUMERS)
def test_the_affine_map_in_the_graph_undoes_the_consumers(name, encoder):
    images = (255 * torch.rand(4, 3, *encoder.input_size, generator=torch.Generator().manual_seed(0))).round()
    fed = {
        "boxmot": (images / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1))
        / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1),
        "ultralytics": images / 255,
        "deepstream": images,
    }[name]
    expected = functional.normalize(encoder.model({"images": images}))
    torch.testing.assert_close(UnitFeatures(encoder.model, CONSUMERS[name].pixels)(fed), expected, rtol=0, atol=1e-5)


def test_the_difference_is_split_and_printed(export):
    difference = export.difference
    assert 0.5 < difference.resize.min() < 1 - 1e-6 < difference.rest.min() and difference.scores is not None
    assert "as Ultralytics prepares 4 photos, emulated" in export.report()


def test_their_resize_takes_points_and_no_areas():
    """Every sixth column is white. A third as wide, each pixel's middle is the middle of three: black, white, black."""
    stripes = np.zeros((8, 96, 3), dtype=np.uint8)
    stripes[:, 1::6] = 255
    image = Image.fromarray(stripes)
    expected = torch.zeros(1, 3, 8, 32)
    expected[..., ::2] = 255
    assert torch.equal(resized_as_theirs([image], (8, 32), rounds=True), expected)
    antialiased = np.asarray(image.resize((32, 8), Image.Resampling.BILINEAR))
    assert antialiased.max() < 255, "Pillow makes grey of it: the test would see it"


def test_one_of_them_resizes_to_whole_numbers():
    """Half as wide, each pixel is the mean of a black and a white one."""
    image = Image.fromarray(np.tile(np.array([0, 255], dtype=np.uint8), (8, 32))).convert("RGB")
    for rounds, value in ((True, 128), (False, 127.5)):
        assert resized_as_theirs([image], (8, 32), rounds).unique().tolist() == [value]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ultralytics", "botsort_reid.yaml"),
        ("deepstream", "nvtracker_reid.yml"),
        ("boxmot", "osnet_x0_25_encoder.onnx.metadata.json"),
    ],
)
def test_what_a_user_has_edited_is_not_overwritten(name, file, beside, checkpoint, tmp_path):
    edited = beside[file] + "\n"
    (tmp_path / file).write_text(edited)
    with pytest.raises(
        InputError, match=f"{file} differs .*edited.*an earlier version of dcac_fastreid wrote it; .*another folder$"
    ):
        export_for({name: tmp_path}, checkpoint)
    assert [each.name for each in tmp_path.iterdir()] == [file] and (tmp_path / file).read_text() == edited


def test_what_cannot_be_written_is_one_sentence_before_the_work(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    for folders, sentence in (
        ({"boxmot": tmp_path}, "README.md was not written by this command"),
        ({"boxmot": tmp_path / "a.onnx"}, "is a file, but boxmot takes several; name a folder"),
        ({"tensorrt": tmp_path / "a"}, "a consumer is 'tensorrt'; expected boxmot or ultralytics or deepstream"),
        ({}, "the consumers' folders are"),
    ):
        with pytest.raises(InputError, match=sentence):
            export_for(folders, tmp_path / "none.pth")
    assert [file.name for file in tmp_path.iterdir()] == ["README.md"]


def test_a_folder_or_pipe_under_the_name_of_a_file_is_one_sentence_before_the_work(tmp_path):
    pytest.importorskip("openvino", reason="openvino is not installed: pip install 'dcac_fastreid[openvino]'")
    (tmp_path / "a" / "README.md").mkdir(parents=True)
    os.mkfifo(tmp_path / "b")
    (tmp_path / "c" / CONSUMERS["boxmot"].openvino / "manifest.json").mkdir(parents=True)
    (tmp_path / "d" / CONSUMERS["boxmot"].openvino).mkdir(parents=True)
    os.mkfifo(tmp_path / "d" / CONSUMERS["boxmot"].openvino / "manifest.json")
    for name, sentence in (
        ("a", "README.md is a folder, where a file is to be written"),
        ("b", "b is a file; name a folder"),
        ("c", "manifest.json is a folder, where a file is to be written"),
        ("d", "manifest.json is a device, a pipe or the like"),
    ):
        with pytest.raises(InputError, match=sentence):
            export_for({"boxmot": tmp_path / name}, tmp_path / "none.pth", openvino=True)


def test_an_encoder_whose_images_are_cut_is_one_sentence(checkpoint, encoder, tmp_path):
    config = encoder_config(changed(encoder.cfg, ["INPUT.CROP.ENABLED", True, "INPUT.CROP.SIZE", [128, 64]]))
    (tmp_path / "cut.yml").write_text(config)
    with pytest.raises(
        InputError, match="cuts images, or keeps their proportions .* ultralytics bring every image to one size"
    ):
        export_for({"ultralytics": tmp_path / "out"}, checkpoint, config_file=tmp_path / "cut.yml")
    assert not (tmp_path / "out").exists()
