import argparse

import pytest

from dcac_fastreid.commands import export
from dcac_fastreid.deploy.export import export_model
from dcac_fastreid.deploy.export.comparison import Disagreement
from dcac_fastreid.deploy.export.consumers import export_for
from dcac_fastreid.errors import InputError


def run(*words):
    parser = argparse.ArgumentParser()
    export.add_options(parser)
    export.run(parser.parse_args(["--checkpoint", "synthetic", *map(str, words)]))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--for", "boxmot", "--format", "torch-export"], "--format and --normalization are of plain files"),
        (
            ["--for", "boxmot", "ultralytics", "--normalization", "outside"],
            "and --for names boxmot, ultralytics; leave them out",
        ),
        (["--for", "deepstream", "--openvino"], "--openvino is for boxmot and plain files"),
        (["--for", "boxmot", "--force"], "--force is of --precision fp16 and --int8"),
        (["--int8", "nowhere"], "there is no folder"),
        (["--int8", ""], "is an empty name"),
    ],
)
def test_what_does_not_go_together_is_one_sentence_and_nothing_is_written(words, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        run("--output", tmp_path / "out", *words)
    assert not list(tmp_path.iterdir())


def test_fp16_and_int8_exclude_each_other(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("--output", tmp_path, "--precision", "fp16", "--int8", tmp_path)
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("plain/README.md", [], "README.md was not written by this command"),
        ("plain/encoder.safetensors/", [], "encoder.safetensors is a folder"),
        ("ultralytics/botsort_reid.yaml/", [], "botsort_reid.yaml is a folder, where a file is to be written"),
        ("plain", ["--precision", "fp16", "--format", "torch-export"], "the precision fp16 is of ONNX alone"),
    ],
)
def test_what_is_in_the_way_of_one_is_told_before_the_work_for_any(name, words, sentence, tmp_path, monkeypatch):
    monkeypatch.setattr(export_for, "open_encoder", None)  # the work would begin by it
    if name.endswith("/"):
        (tmp_path / name).mkdir(parents=True)
    elif name.endswith(".md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=sentence):
        run("--output", tmp_path, "--for", "all", *words)
    assert sorted(tmp_path.rglob("*")) == before


def test_where_one_of_several_disagrees_no_file_of_any_is_written(tmp_path, monkeypatch):
    """Those for trackers are ready when the plain ones disagree."""

    def disagrees(encoder, pixels):
        raise Disagreement("it does not give PyTorch's features")

    monkeypatch.setattr(export_model, "exported_program", disagrees)
    with pytest.raises(Disagreement):
        run("--output", tmp_path / "out", "--for", "ultralytics", "plain")
    assert not list(tmp_path.iterdir())


def test_a_wrong_plain_output_is_told_before_the_work_for_trackers(tmp_path):
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(InputError, match="plain is a file"):
        run("--output", tmp_path, "--for", "all")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
