"""The card of a model folder: README.md, as the Hugging Face hub shows it, and as whoever gets the folder reads it."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from dcac_fastreid.data import file_sha256
from dcac_fastreid.deploy.encoder_files import CARD
from dcac_fastreid.deploy.export.export_metadata import data_terms, preprocessing, weights_terms
from dcac_fastreid.deploy.export.origin import METRICS, Origin
from dcac_fastreid.engine.run_metadata import FILE as RUN_METADATA
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable
from dcac_fastreid.output_files import refuse_no_files, write_whole

MARK = (
    "<!-- Written by dcac-fastreid. Delete this line, and no command of dcac-fastreid overwrites the file any more. -->"
)
IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9.-]*")  # of a licence on the hub: "apache-2.0", "mit"
USE = """\
```python
from dcac_fastreid import FeatureExtractor

extract = FeatureExtractor("FOLDER")  # this folder; or OWNER/NAME, where it lies on the Hugging Face hub
features = extract(["a.jpg", "b.jpg"])  # (2, D), rows of length 1
similarity = features[0] @ features[1]  # cosine similarity
```"""
DEMONSTRATION = "It was trained on synthetic images alone: a demonstration. Expect it to fail on real photos."
SYNTHETIC = "dcac_fastreid-synthetic"  # of data sets
CODE = ("dcac_fastreid", "commit", "torch", "fastreid")  # of a run's versions
ABOUT = "An encoder for person re-identification: an image of a person in, a feature out that is similar for the same person."


def check_card(folder: Path) -> None:
    """Asks before the work. Raises: InputError: a README.md lies in the folder that is none of ours to overwrite."""
    card = folder / CARD
    refuse_no_files(card)
    if card.is_file() and MARK not in card.read_text(encoding="utf-8", errors="replace"):
        raise InputError(
            f"{card} was not written by this command, which would put the encoder's card in its place; name another folder, or "
            "move the file away"
        )


def write_card(
    folder: Path,
    files: Iterable[Path],
    cfg,
    origin: Origin,
    *,
    name: str = "",
    about: str = ABOUT,
    made_by: str = "",
    half: bool = False,
) -> Path:
    """Writes README.md beside the files of an encoder.

    Args:
        files: those of the folder that the card shall list, with their hashes.
        cfg: that rebuilds the encoder.
        origin: where it comes from; a licence of the weights that is an identifier of the hub's, such as apache-2.0, is told in
            the header too.
        name: the title; "" for one made of the architecture and the training data. about: the first paragraph.
        made_by: the command that makes all of this again, as Markdown; "" where nobody states it.
        half: whether the matrices were rounded to fp16.
    Raises: InputError: the file cannot be written.
    """
    trained_on = _trained_on(origin.run)
    name = name or f"{cfg.MODEL.META_ARCHITECTURE}, trained on {trained_on or 'data that are not stated'}"
    size = " x ".join(map(str, cfg.INPUT.SIZE_TEST))
    parts = [
        f"---\n{yaml.safe_dump(_header(name, origin), sort_keys=False, allow_unicode=True)}---",
        f"{MARK}\n\n# {_plain(name)}",
        about + (f"\n\n{DEMONSTRATION}" if origin.run.get("drawn_world") else ""),
        f"## Use\n\n{USE}",
        f"What happens to an image before the encoder: {preprocessing(cfg.INPUT, 'inside')}.",
        f"## Data\n\nTrained on: {_plain(trained_on) or 'not stated'}.\n\n{_data_sets(origin.run)}".rstrip(),
        f"## Protocol\n\n{_protocol(origin, cfg, size)}" + (f"\n\nMade by: {made_by}" if made_by else ""),
        f"## Metrics\n\n{_metrics(origin, half)}",
        f"## Licences\n\n- data: {_plain(data_terms(origin))}\n- weights: {_plain(weights_terms(origin))}",
        f"## Files\n\n{_files(folder, files)}",
    ]
    text = "\n\n".join(parts) + "\n"
    write_whole(folder / CARD, lambda stream: stream.write(text.encode(errors="replace")))
    return folder / CARD


def _header(name: str, origin: Origin) -> dict:
    """The block of YAML that the hub reads; see huggingface.co/docs/hub/model-cards."""
    synthetic = bool(origin.run.get("drawn_world"))
    license = origin.weights_license.lower()
    if IDENTIFIER.fullmatch(license):
        header = {"license": license}
    else:
        header = {"license": "other", "license_name": "see-the-card" if license else "not-stated"}
    header |= {
        "library_name": "dcac_fastreid",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["person-re-identification", "image-retrieval", *(["synthetic-data"] if synthetic else [])],
        # Not under the names of the real data sets, in whose form the synthetic one lies on disk.
        "datasets": [SYNTHETIC] if synthetic else [_dataset(of) for of in _sources(origin.run)],
    }
    results = [
        {
            "task": {"type": "image-retrieval", "name": "Person re-identification"},
            "dataset": {"type": _type(test, synthetic), "name": _test_name(test, origin.run)},
            "metrics": [
                {"type": metric.lower(), "name": metric, "value": round(float(value), 2)}
                for metric, value in numbers.items()
            ],
        }
        for test, numbers in origin.scores.items()
    ]
    return header | ({"model-index": [{"name": printable(name), "results": results}]} if results else {})


def _sources(run: Mapping) -> list[str]:
    return [str(name) for name in run.get("sources") or []]


def _dataset(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name.removeprefix("DG_"))


def _type(test: str, synthetic: bool) -> str:
    return f"{SYNTHETIC}-{_dataset(test)}".lower() if synthetic else _dataset(test).lower()


def _synthetic(run: Mapping) -> str:
    world = run.get("drawn_world")
    if not isinstance(world, Mapping):
        return ""
    return (
        f"the synthetic data set, version {world.get('version')}, seed {world.get('seed')}, {world.get('difficulty')}"
    )


def _trained_on(run: Mapping) -> str:
    names = ", ".join(map(_dataset, _sources(run)))
    synthetic = _synthetic(run)
    return f"the domain {names} of {synthetic}" if names and synthetic else names


def _test_name(test: str, run: Mapping) -> str:
    return f"{_dataset(test)} (synthetic, not the real data set)" if run.get("drawn_world") else _dataset(test)


def _data_sets(run: Mapping) -> str:
    """A table of what was trained and tested on, with digests of the images' names and content."""
    rows = []
    for name, told in (run.get("data_sets") or {}).items():
        counts = [
            f"{part.get('identities')} identities, {part.get('images')} images" if (part := told.get(split)) else "-"
            for split in ("train", "query", "gallery")
        ]
        rows.append([_test_name(name, run), *counts, f"`{str(told.get('digest'))[:16]}`"])
    return _table(["data set", "train", "query", "gallery", "digest"], rows) if rows else ""


def _protocol(origin: Origin, cfg, size: str) -> str:
    run, versions = origin.run, origin.run.get("versions") or {}
    lines = {
        "architecture": f"{cfg.MODEL.META_ARCHITECTURE}, {cfg.MODEL.BACKBONE.NAME}",
        "protocol": run.get("protocol"),
        "training": ", ".join(f"{name} {run[name]}" for name in ("epochs", "seed", "precision") if name in run),
        "input size at the test (height x width)": size,
        "training began with": "; ".join(_named_files(run)),
        "checkpoint": f"{origin.checkpoint}, sha256 `{origin.sha256}`",
        "code": ", ".join(f"{name} {versions[name]}" for name in CODE if versions.get(name)),
    }  # fmt: skip
    unknown = [] if run else [f"Of its training nothing is stated: {_why_unknown(origin)}."]
    return "\n".join([*unknown, *(f"- {name}: {_plain(value)}" for name, value in lines.items() if value)])


def _why_unknown(origin: Origin) -> str:
    if origin.released:
        return f"the encoder was converted from {origin.released}, which has no run metadata"
    return f"no run metadata ({RUN_METADATA}) lay beside the checkpoint"


def _named_files(run: Mapping) -> list[str]:
    """Of the weights that its training began with."""
    return [
        f"{part}: {', '.join(f'{name} (sha256 {sha256})' for name, sha256 in files.items())}"
        for part, files in (run.get("weights") or {}).items()
    ]


def _metrics(origin: Origin, half: bool) -> str:
    if not origin.scores:
        converted = "the encoder was converted from a released checkpoint, and not tested since"
        of_a_run = "no test of the run's last checkpoint lay beside it"
        return f"Not stated: {converted if origin.released else of_a_run}."
    rows = [
        [_test_name(test, origin.run), *(f"{numbers[metric]:.1f}" if metric in numbers else "-" for metric in METRICS)]
        for test, numbers in origin.scores.items()
    ]
    before = ", before the weights were rounded to fp16" if half else ""
    text = f"In per cent, of the run's last test{before}.\n\n{_table(['test set', *METRICS], rows)}"
    marks = [f"- {_plain(mark)}" for mark in origin.run.get("marks") or []]
    return "\n\n".join([text, *(["\n".join(marks)] if marks else [])])


def _files(folder: Path, files: Iterable[Path]) -> str:
    rows = [[file.relative_to(folder).as_posix(), str(file.stat().st_size), f"`{file_sha256(file)}`"] for file in files]
    return _table(["file", "bytes", "sha256"], rows)


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(text: object) -> str:
    """Words that were read from a file, in one line of Markdown, without HTML and without the borders of a table."""
    return printable(str(text)).replace("<", "&lt;").replace("|", "\\|")
