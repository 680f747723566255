from dcac_fastreid.checkpoint import set_aside


def test_an_earlier_run_is_kept_whole_in_a_folder_of_its_own(tmp_path):
    kept = {
        "model_final.pth": "weights",
        "model_best.pth": "best",
        "last_checkpoint": "model_final.pth",
        "metrics.json": "{}",
        "stamp.json": "{}",
    }
    for name, text in kept.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "log.txt").write_text("log")
    set_aside(str(tmp_path))
    (earlier,) = tmp_path.glob("earlier-*")
    assert {file.name: file.read_text() for file in earlier.iterdir()} == kept
    assert {file.name for file in tmp_path.iterdir()} == {earlier.name, "log.txt"}


def test_an_empty_or_absent_folder_stays_as_it_is(tmp_path):
    set_aside(str(tmp_path))
    set_aside(str(tmp_path / "none"))
    assert list(tmp_path.iterdir()) == []
