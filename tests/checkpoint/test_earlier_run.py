import time

from dcac_fastreid.checkpoint import set_aside


def test_an_earlier_run_is_kept_whole_in_a_folder_of_its_own(tmp_path):
    kept = {
        "model_final.pth": "weights",
        "model_best.pth": "best",
        "last_checkpoint": "model_final.pth",
        "metrics.json": "{}",
        "stamp.json": "{}",
        "events.out.tfevents.1": "curves",
        "config.yaml": "SEED: 1",
    }
    for name, text in kept.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "log.txt").write_text("log")
    set_aside(str(tmp_path))
    (earlier,) = tmp_path.glob("earlier-*")
    assert {file.name: file.read_text() for file in earlier.iterdir()} == kept
    # The new run writes on in the log; it may be made from this config, and then writes its own.
    assert {file.name for file in tmp_path.iterdir()} == {earlier.name, "log.txt", "config.yaml"}


def test_two_of_one_second_have_a_folder_each(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda form: "earlier-now")
    for text in ("first", "second", "third"):
        (tmp_path / "metrics.json").write_text(text)
        set_aside(str(tmp_path))
    kept = {folder.name: (folder / "metrics.json").read_text() for folder in tmp_path.iterdir()}
    assert kept == {"earlier-now": "first", "earlier-now-2": "second", "earlier-now-3": "third"}


def test_an_empty_or_absent_folder_stays_as_it_is(tmp_path):
    set_aside(str(tmp_path))
    set_aside(str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []
