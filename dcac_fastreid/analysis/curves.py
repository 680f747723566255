"""Training curves of one or several runs, from the metrics.json that each has written."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dcac_fastreid.analysis.distinct_names import distinct_names
from dcac_fastreid.analysis.figures import FAINT, draw_panels, legend, style
from dcac_fastreid.analysis.trained_on import TrainedOn, trained_on
from dcac_fastreid.errors import InputError
from dcac_fastreid.pages.content import SYNTHETIC, Grid, Section

FILE = "metrics.json"
COLUMNS = 4
PANEL = (3.3, 2.5)  # inches
MARKERS = ("o", "s", "^", "D")
FEW = 8  # points of a line that are marked
RATE, ACCURACY, SCORE = "lr", "cls_accuracy", "mAP"
TELEMETRY = "telemetry/"

Curves = Mapping[str, Mapping[int, float]]  # name -> iteration -> value


def sections(runs: Sequence[str | Path]) -> list[Section]:
    """Losses; learning rate, accuracy and mAP; telemetry where a run has it. A panel for each number, all runs in it.

    Args:
        runs: folders of runs, finished or not, or files in them such as a checkpoint.
    Raises: InputError: a run that is not there, or without metrics.
    """
    folders = _folders(runs)
    curves = {name: read_metrics(folder / FILE) for name, folder in zip(distinct_names(folders), folders, strict=True)}
    names = list(dict.fromkeys(name for of_run in curves.values() for name in sorted(of_run)))
    groups = {
        "losses": ("Losses", [name for name in names if "loss" in name and not name.startswith(TELEMETRY)]),
        "scores": (
            "Learning rate, training accuracy and mAP of the evaluations",
            [name for name in (RATE, ACCURACY) if name in names] + [name for name in names if _is_score(name)],
        ),
        "telemetry": ("Telemetry of the feedback", [name for name in names if name.startswith(TELEMETRY)]),
    }
    if not any(shown for _, shown in groups.values()):
        raise InputError(
            f"{folders[0] / FILE} has no losses and no scores, but {', '.join(names)}; give a training's folder"
        )
    return [_section(group, title, curves, shown) for group, (title, shown) in groups.items() if shown]


def title(runs: Sequence[str | Path]) -> tuple[str, bool]:
    """Of a page of curves: the runs and the data sets that they were trained on; and whether all of these are synthetic.

    Where some are and others are not, the title names those that are.

    Args: runs: as `sections` takes them.
    """
    folders = _folders(runs)
    groups: dict[TrainedOn, list[str]] = {}
    for name, folder in zip(distinct_names(folders), folders, strict=True):
        groups.setdefault(trained_on(folder), []).append(name)
    all_synthetic = all(on.synthetic for on in groups)
    parts = []
    for on, names in groups.items():
        mark = f" ({SYNTHETIC})" if on.synthetic and not all_synthetic else ""
        parts.append(" on ".join(filter(None, [", ".join(names), ", ".join(on.sources)])) + mark)
    return f"Training curves: {'; '.join(parts)}", all_synthetic


def _folders(runs: Sequence[str | Path]) -> list[Path]:
    for run in runs:
        if not Path(run).exists():
            raise InputError(f"there is no {run}; give the folder of a run, which training has written")
    return [Path(run) if Path(run).is_dir() else Path(run).parent for run in runs]


def _section(group: str, title: str, curves: Mapping[str, Curves], names: Sequence[str]) -> Section:
    """Curves of what has two points or more; a table with the last value of everything."""
    drawn = [name for name in names if any(len(of_run.get(name, {})) > 1 for of_run in curves.values())]
    caption = f"{title} by training step, from {FILE}; losses and accuracy are medians of the last 20 steps."
    if len(drawn) < len(names):
        caption += " What was measured once has no curve; the table has its value."
    png, panels = _draw(curves, drawn) if drawn else (None, [])
    last = Grid(
        ["last value", *curves],
        [[name.removeprefix(TELEMETRY), *(_last(of_run, name) for of_run in curves.values())] for name in names],
    )
    return Section(
        name=f"curves-{group}",
        title=f"Training curves: {title[0].lower()}{title[1:]}",
        png=png,
        caption=caption,
        panels=panels,
        legend=legend(list(curves)) if drawn else (),
        grid=last,
    )


def _last(of_run: Curves, name: str) -> str:
    return f"{list(of_run[name].values())[-1]:.4g}" if of_run.get(name) else "none"


def read_metrics(file: Path) -> Curves:
    """Of every number its values by iteration; what an interrupted run has repeated counts once, the later.

    A last line that is not finished is left out: the run may be writing it.

    Raises: InputError: no file, or none of fast-reid's.
    """
    if not file.is_file():
        raise InputError(f"there is no {file}; give the folder of a run, which training has written")
    curves: dict[str, dict[int, float]] = {}
    for line in file.read_text(errors="replace").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        try:
            content = json.loads(line)
            iteration = content.pop("iteration")
            if type(iteration) is not int or any(type(value) not in (int, float) for value in content.values()):
                raise TypeError("a step is a whole number, and what was measured at it are numbers")
            content = {name: float(value) for name, value in content.items()}
        except (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"{file} is no metrics.json of fast-reid: a line reads {line.strip()[:60]!r}") from error
        for name, value in content.items():
            curves.setdefault(name, {})[iteration] = value
    if not curves:
        raise InputError(f"{file} has no finished line with a number yet; wait for some steps of the training")
    return {name: dict(sorted(values.items())) for name, values in curves.items()}


def _is_score(name: str) -> bool:
    return name.rpartition("/")[2] == SCORE  # with the data set's name before it, where there are several


def _draw(curves: Mapping[str, Curves], names: Sequence[str]) -> tuple[bytes, list[bytes]]:
    last_step = max(step for of_run in curves.values() for values in of_run.values() for step in values)

    def draw_panel(name: str) -> Callable:
        def draw(figure):
            axes = figure.subplots()
            _draw_panel(axes, curves, name)
            axes.set_xlim(0, 1.03 * max(last_step, 1))

        return draw

    return draw_panels([draw_panel(name) for name in names], *PANEL, columns=COLUMNS, names=list(curves))


def _draw_panel(axes, curves: Mapping[str, Curves], name: str) -> None:
    for number, of_run in enumerate(curves.values()):
        values = of_run.get(name, {})
        if len(values) > 1:
            marker = MARKERS[number % len(MARKERS)] if len(values) < FEW else None
            axes.plot(list(values), list(values.values()), marker=marker, fillstyle="none", **style(number))
    # pad: a power of ten that all numbers at the side share stands above them.
    axes.set_title(name.removeprefix(TELEMETRY), pad=12)
    axes.locator_params(axis="x", nbins=5)  # more five-digit steps would run into each other
    axes.set_xlabel("step")
    if _is_score(name):
        axes.set_ylim(0, 100)
        axes.set_ylabel("per cent")
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.6)
