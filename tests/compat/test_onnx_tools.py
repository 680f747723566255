"""What stands in for onnxoptimizer and onnxsim; an export through them is in tests/test_main.py."""

import sys

from dcac_fastreid.compat import onnx_tools


def test_what_is_not_installed_changes_nothing_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(onnx_tools, "find_spec", lambda name: None)
    monkeypatch.setattr(onnx_tools.logger.parent, "propagate", True)  # fast-reid's own logger keeps its records
    model = object()
    with onnx_tools.export_without_optimizers():
        import onnxoptimizer
        from onnxsim import simplify

        assert "fuse_bn_into_conv" in onnxoptimizer.get_available_passes()
        assert onnxoptimizer.optimize(model, ["fuse_bn_into_conv"]) is model
        assert simplify(model) == (model, True)
    assert {message.split(" is ")[0] for message in caplog.messages} == {"onnxoptimizer", "onnxsim"}
    assert not {"onnxoptimizer", "onnxsim"} & set(sys.modules)


def test_what_is_installed_is_used(tmp_path, monkeypatch):
    (tmp_path / "onnxsim.py").write_text("simplify = 'theirs'\n")
    monkeypatch.syspath_prepend(tmp_path)
    with onnx_tools.export_without_optimizers():
        import onnxsim

        assert onnxsim.simplify == "theirs"
    monkeypatch.delitem(sys.modules, "onnxsim")
