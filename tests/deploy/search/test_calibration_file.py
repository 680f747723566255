import dataclasses
import json

import pytest

from dcac_fastreid.deploy.search.calibration_file import FORMAT, VERSION, read_calibration, write_calibration
from dcac_fastreid.deploy.search.rate_curve import POINTS
from dcac_fastreid.deploy.search.sealed_json import sealed
from dcac_fastreid.errors import InputError

ODD = [None, True, -7, 10**30, 1.5, "", "word", [], [1], {}]
RIGHT = {
    "name": ["", "word"],
    "cameras_known": [True],
    "other_rates": [[]],
    "rates": [None],
    "slope": [1.5],
    "intercept": [-7, 1.5],
}


def test_what_is_written_is_read(calibration, tmp_path):
    assert read_calibration(tmp_path) is None
    made = dataclasses.replace(
        calibration,
        other_rates=[{"false_match_rate": 0.1, "threshold": 0.4, "true_match_rate": 0.9}],
        rates={"false_match_rate": [0.5] * POINTS, "true_match_rate": [1.0] * POINTS},
    )
    assert read_calibration(write_calibration(made, tmp_path).parent) == made


def test_a_calibration_of_version_1_is_read(calibration, tmp_path):
    """It has no rates but those of its thresholds."""
    content = dataclasses.asdict(calibration)
    del content["rates"]
    (tmp_path / "calibration.json").write_bytes(sealed(FORMAT, 1, content))
    assert read_calibration(tmp_path) == calibration and calibration.rates is None


def test_an_edited_threshold_is_refused(calibration, tmp_path):
    file = write_calibration(calibration, tmp_path)
    file.write_text(file.read_text().replace('"threshold": 0.5', '"threshold": 0.1'))
    with pytest.raises(
        InputError, match="calibration.json is damaged or was edited: .*; calibrate again: dcac-fastreid search"
    ):
        read_calibration(tmp_path)


def test_a_calibration_of_the_first_releases_is_refused(calibration, tmp_path):
    (tmp_path / "calibration.json").write_text(json.dumps(dataclasses.asdict(calibration)))
    with pytest.raises(InputError, match="calibration.json has no version and no checksum: .* calibrate --index"):
        read_calibration(tmp_path)


def test_values_that_nobody_has_written_are_refused_whatever_they_are(calibration, tmp_path):
    """With a right checksum: every field, also inside of others, replaced by every odd value."""
    content = dataclasses.asdict(calibration)
    places = [(content, name) for name in content]
    places += [(content[part], name) for part in ("encoder", "validation", "held_out") for name in content[part]]
    for inside, name in places:
        right, own = RIGHT.get(name, []), inside[name]
        for odd in ODD:
            inside[name] = odd
            (tmp_path / "calibration.json").write_bytes(sealed(FORMAT, VERSION, content))
            if any(odd == each and type(odd) is type(each) for each in right) or (
                name == "checkpoint" and type(odd) is str
            ):
                read_calibration(tmp_path)
                continue
            with pytest.raises(InputError, match="calibration.json is not as it should be: ") as error:
                read_calibration(tmp_path)
            assert "\n" not in str(error.value), (name, odd)
        inside[name] = own
