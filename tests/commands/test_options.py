"""A command that a launcher starts several times, and whose processes would not share the work, says so."""

import pytest

from dcac_fastreid.commands.main import main


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("features --checkpoint synthetic --input . --output new", "add --shards 100, and they share it"),
        ("reproduce --table 1 --synthetic --output new", "--num-gpus has each training done by several processes"),
    ],
)
def test_a_launcher_is_refused(command, sentence, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit) as end:
        main(command.split())
    told = capsys.readouterr().err
    assert end.value.code == 2 and told.count("\n") == 1 and sentence in told
    assert told.startswith(
        "error: a launcher (torchrun) has started 2 processes, each of which would do the whole work"
    )
    assert not list(tmp_path.iterdir())
