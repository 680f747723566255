import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch.nn import functional

import dcac_fastreid
from dcac_fastreid.deploy.export import reduced as module
from dcac_fastreid.deploy.export.comparison import Disagreement
from dcac_fastreid.deploy.export.export_model import export_model
from dcac_fastreid.deploy.export.onnx_file import onnx_runner
from dcac_fastreid.deploy.export.probe import smooth_images
from dcac_fastreid.deploy.export.reduced import Precision, probe_and_calibration, reduced
from dcac_fastreid.errors import InputError


@pytest.fixture(scope="module")
def crops(tmp_path_factory):
    """Sixteen, of people by two cameras."""
    folder = tmp_path_factory.mktemp("crops")
    generator = np.random.default_rng(0)
    for person in range(1, 9):
        for camera in (1, 2):
            coarse = generator.integers(0, 255, (12, 6, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize((64, 128), Image.Resampling.BILINEAR).save(
                folder / f"{person // 2:04}_c{camera}s1_{person:06}_01.png"
            )
    return folder


@torch.no_grad()
def test_fp16_is_half_as_large_and_gives_the_features(onnx_file, encoder):
    probe = smooth_images(encoder.input_size)
    content, found = reduced(onnx_file.read_bytes(), encoder, "inside", probe, None, Precision("fp16"))
    assert found.agrees and found.sizes[1] == len(content) < 0.6 * found.sizes[0]
    assert list(found.latencies) == [1, 8, 32] and found.scores is None, "random images show nobody"
    features = onnx_runner(content)(probe.images)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(32), rtol=0, atol=1e-3)
    assert (features * functional.normalize(encoder.model({"images": probe.images}))).sum(1).min() > 0.999
    assert "fp16: " in found.lines()[0] and "mAP: nobody is known" in found.lines()[1]


@torch.no_grad()
def test_int8_is_calibrated_on_one_half_of_the_crops_and_judged_on_the_other(onnx_file, encoder, crops):
    probe, calibration = probe_and_calibration(encoder, None, Precision("int8", crops))
    assert probe.what == f"8 images in {crops.name}" and len(calibration) == 8
    content, found = reduced(onnx_file.read_bytes(), encoder, "inside", probe, calibration, Precision("int8", crops))
    assert found.agrees and found.sizes[1] < 0.5 * found.sizes[0] and found.scores is not None
    made = onnx.load_from_string(content)
    assert onnx.TensorProto.INT8 in {weight.data_type for weight in made.graph.initializer}
    assert made.metadata_props == onnx.load(onnx_file).metadata_props, "in their place, once"


@torch.no_grad()
def test_what_loses_too_much_is_refused_unless_forced(onnx_file, encoder, monkeypatch):
    monkeypatch.setitem(module.ASKED, "fp16", (1.1, 0.0))
    arguments = (onnx_file.read_bytes(), encoder, "inside", smooth_images(encoder.input_size), None)
    with pytest.raises(
        Disagreement, match="in fp16 the encoder loses too much on 32 smooth .* of 1.1 in the mean .*--force"
    ):
        reduced(*arguments, Precision("fp16"))
    assert not reduced(*arguments, Precision("fp16", force=True))[1].agrees


@pytest.mark.slow
def test_the_command_writes_it_and_the_extractor_reads_it(checkpoint, extract, crops, tmp_path):
    exported = export_model(checkpoint, tmp_path / "encoder.onnx", precision=Precision("int8", crops))
    assert "MB in int8; before, in fp32, against PyTorch" in exported.report() and "int8: " in exported.report()
    run, files = dcac_fastreid.FeatureExtractor(tmp_path / "encoder.onnx"), sorted(crops.iterdir())
    assert run.onnx.metadata["precision"] == "int8" and run(files).dtype == np.float32
    assert (run(files) * extract(files).numpy()).sum(1).min() > 0.95


@pytest.mark.parametrize(
    ("precision", "formats", "sentence"),
    [
        (Precision("int4"), [], "the precision is 'int4'; expected fp32 or fp16 or int8"),
        (Precision("int8"), [], "int8 needs one, and only int8 does"),
        (Precision("fp16", "crops"), [], "int8 needs one, and only int8 does"),
        (Precision(force=True), [], "--force is of --precision fp16 and --int8"),
        (Precision("fp16"), ["torch-export"], "is of ONNX alone"),
    ],
)
def test_wrong_precisions_are_one_sentence(precision, formats, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        export_model(tmp_path / "none.pth", tmp_path / "out", formats=formats, precision=precision)
