"""What a script takes from fast-reid by name."""

import re
from pathlib import Path

import pytest

import fastreid
import fastreid.engine
import fastreid.evaluation
from dcac_fastreid.compat import script_names
from fastreid import modeling

OURS = {name.rpartition(".")[2]: object() for name, _ in script_names.NAMES}


@pytest.mark.parametrize("text", [why for _, why in script_names.NAMES] + [script_names.replace_names.__doc__])
def test_every_name_tells_the_host_line(text):
    lines = re.findall(r"fastreid/([\w/]+\.py):(\d+)", text)
    assert lines
    for path, number in lines:
        assert len((Path(fastreid.__file__).parent / path).read_text().splitlines()) >= int(number)


def test_every_alias_is_replaced_and_restored():
    places = [(modeling, "build_model"), (modeling.meta_arch, "build_model"), (modeling.meta_arch.build, "build_model")]
    places += [(fastreid.engine, "DefaultTrainer"), (fastreid.engine.defaults, "DefaultTrainer")]
    before = [getattr(*place) for place in places]
    with pytest.raises(KeyError), script_names.replace_names(OURS):
        assert [getattr(*place) for place in places] == [OURS[name] for _, name in places]
        assert callable(fastreid.evaluation.evaluate_rank)
        raise KeyError
    assert [getattr(*place) for place in places] == before
    assert not hasattr(fastreid.evaluation, "evaluate_rank")
