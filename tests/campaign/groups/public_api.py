"""Functions and classes that programs import, with odd objects in the place of each argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..case import Case, Ground
from ..ground import BASELINE
from .values import odd_objects

CHECKPOINT = "model_final.pth"


def _extractor(ground: Ground, **options):
    import dcac_fastreid

    return dcac_fastreid.FeatureExtractor(ground.run / CHECKPOINT, **{"device": "cpu", **options})


def _of_load_config(opts: Callable[[object], list]) -> Callable[[Ground, object], object]:
    def call(ground: Ground, odd: object) -> object:
        import dcac_fastreid

        return dcac_fastreid.load_config(BASELINE, opts(odd))

    return call


def _search(ground: Ground, **options):
    from dcac_fastreid.deploy.search.search import Search

    return Search(ground.index, device="cpu", **options)


def _export(ground: Ground, **options):
    from dcac_fastreid.deploy.export.export_model import export_model

    return export_model(**{"checkpoint": ground.run / CHECKPOINT, "output": "encoder.pt2", **options})


def _convert(ground: Ground, **options):
    from dcac_fastreid.checkpoint.released import convert

    return convert(**{"path": ground.run / CHECKPOINT, "image_size": (64, 32), **options})


def _read_index(ground: Ground, odd: object):
    from dcac_fastreid.deploy.search.feature_folder import read_feature_folder

    return read_feature_folder(odd)


def _extract_folder(ground: Ground, images: object, output: object):
    from dcac_fastreid.deploy.search.feature_folder import extract_folder

    return extract_folder(_extractor(ground), images, output)


def _weights(ground: Ground, odd: object):
    from dcac_fastreid.tensor_files import read_state_dict

    return read_state_dict(odd)


def _data_root(ground: Ground, odd: object):
    from dcac_fastreid.data import data_root

    return data_root(odd)


def _checkpoint(ground: Ground, odd: object):
    import dcac_fastreid

    return dcac_fastreid.FeatureExtractor(odd)


def _config(ground: Ground, odd: object):
    import dcac_fastreid

    return dcac_fastreid.load_config(odd)


CALLS: dict[str, Callable[[Ground, object], object]] = {
    "FeatureExtractor(x)": _checkpoint,
    "FeatureExtractor(device=x)": lambda g, x: _extractor(g, device=x),
    "FeatureExtractor(config_file=x)": lambda g, x: _extractor(g, config_file=x),
    "FeatureExtractor(batch_size=x)": lambda g, x: _extractor(g, batch_size=x),
    "FeatureExtractor(precision=x)": lambda g, x: _extractor(g, precision=x),
    "extract(x)": lambda g, x: _extractor(g)(x),
    "extract([x])": lambda g, x: _extractor(g)([x]),
    "extract([photo, x])": lambda g, x: _extractor(g)([g.photos / "query.jpg", x]),
    "load_config(x)": _config,
    "load_config(opts=x)": _of_load_config(lambda x: x),
    "load_config(opts=[x])": _of_load_config(lambda x: [x]),
    "load_config(opts=[x, 1])": _of_load_config(lambda x: [x, 1]),
    "load_config(BASE_LR=x)": _of_load_config(lambda x: ["SOLVER.BASE_LR", x]),
    "load_config(TESTS=x)": _of_load_config(lambda x: ["DATASETS.TESTS", x]),
    "load_config(ROOT=x)": _of_load_config(lambda x: ["DATASETS.ROOT", x]),
    "load_config(SIZE=x)": _of_load_config(lambda x: ["INPUT.SIZE_TEST", x]),
    "Search(prior=x)": lambda g, x: _search(g, prior=x),
    "Search(checkpoint=x)": lambda g, x: _search(g, checkpoint=x),
    "search(x)": lambda g, x: _search(g)(x),
    "search([x])": lambda g, x: _search(g)([x]),
    "search(k=x)": lambda g, x: _search(g)([g.photos / "query.jpg"], x),
    "export_model(checkpoint=x)": lambda g, x: _export(g, checkpoint=x),
    "export_model(output=x)": lambda g, x: _export(g, output=x),
    "export_model(formats=x)": lambda g, x: _export(g, formats=x),
    "export_model(opset=x)": lambda g, x: _export(g, opset=x),
    "export_model(probe=x)": lambda g, x: _export(g, probe_folder=x),
    "export_model(normalization=x)": lambda g, x: _export(g, normalization=x),
    "convert(x)": lambda g, x: _convert(g, path=x),
    "convert(image_size=x)": lambda g, x: _convert(g, image_size=x),
    "convert(format=x)": lambda g, x: _convert(g, format=x),
    "read_feature_folder(x)": _read_index,
    "extract_folder(images=x)": lambda g, x: _extract_folder(g, x, "out"),
    "extract_folder(output=x)": lambda g, x: _extract_folder(g, g.photos / "gallery", x),
    "read_state_dict(x)": _weights,
    "data_root(x)": _data_root,
}


def cases() -> Iterator[Case]:
    for name, call in CALLS.items():
        for what, odd in odd_objects().items():
            yield Case("public API", f"{name}, x = {what}", call=_with(call, odd))


def _with(call: Callable[[Ground, object], object], odd: object) -> Callable[[Ground], object]:
    return lambda ground: call(ground, odd)
