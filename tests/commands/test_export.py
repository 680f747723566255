import argparse

import pytest

from dcac_fastreid.commands import export
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


def test_a_wrong_plain_output_is_told_before_the_work_for_trackers(tmp_path):
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(InputError, match="plain is a file"):
        run("--output", tmp_path, "--for", "all")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]
