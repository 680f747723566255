"""Training curves of one or several runs, from the metrics.json that each has written."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from dcac_fastreid.analysis.figures import COLOURS, FAINT, draw_png
from dcac_fastreid.analysis.page import Picture
from dcac_fastreid.analysis.told_apart import told_apart
from dcac_fastreid.errors import InputError

FILE = "metrics.json"
COLUMNS = 4
PANEL = (3.3, 2.5)  # inches
LINES, MARKERS = ("-", "--", "-.", ":"), ("o", "s", "^", "D")
FEW = 8  # points of a line that are marked
RATE, ACCURACY, SCORE = "lr", "cls_accuracy", "mAP"
TELEMETRY = "telemetry/"

Curves = Mapping[str, Mapping[int, float]]  # name -> iteration -> value


def pictures(runs: Sequence[str | Path]) -> list[Picture]:
    """Losses; learning rate, accuracy and mAP; telemetry where a run has it. A panel for each number, all runs in it.

    Args:
        runs: folders of runs, finished or not, or files in them such as a checkpoint.
    Raises: InputError: a run that is not there, or without metrics.
    """
    for run in runs:
        if not Path(run).exists():
            raise InputError(f"there is no {run}; give the folder of a run, which training has written")
    folders = [Path(run) if Path(run).is_dir() else Path(run).parent for run in runs]
    curves = {name: read_metrics(folder / FILE) for name, folder in zip(told_apart(folders), folders, strict=True)}
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
    return [
        Picture(
            name=f"curves-{group}",
            title=f"Training curves: {title[0].lower()}{title[1:]}",
            png=_draw(curves, shown),
            caption=(
                f"{title} of {', '.join(curves)}, by training step, from {FILE}; losses and accuracy are medians of the "
                "last 20 steps. Below a panel's name the last value of each run, in the legend's order."
            ),
        )
        for group, (title, shown) in groups.items()
        if shown
    ]


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


def _draw(curves: Mapping[str, Curves], names: Sequence[str]) -> bytes:
    last_step = max(step for of_run in curves.values() for values in of_run.values() for step in values)
    columns = min(COLUMNS, len(names))
    rows = math.ceil(len(names) / columns)

    def draw(figure):
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, name in zip(panels, names, strict=False):
            _draw_panel(axes, curves, name)
            axes.set_xlim(0, 1.03 * max(last_step, 1))
        for axes in panels[len(names) :]:
            axes.set_visible(False)
        lines = [panels[0].plot([], [], label=run, **_style(number))[0] for number, run in enumerate(curves)]
        figure.legend(handles=lines, loc="outside upper left", ncols=3)

    return draw_png(max(PANEL[0] * columns, 6), PANEL[1] * rows + 0.4, draw)


def _draw_panel(axes, curves: Mapping[str, Curves], name: str) -> None:
    last = []  # value of each run
    for number, of_run in enumerate(curves.values()):
        values = of_run.get(name, {})
        marker = MARKERS[number % len(MARKERS)] if len(values) < FEW else None
        axes.plot(list(values), list(values.values()), marker=marker, fillstyle="none", **_style(number))
        last.append(f"{list(values.values())[-1]:.4g}" if values else "none")
    # pad: a power of ten that all numbers at the side share stands above them.
    axes.set_title(f"{name.removeprefix(TELEMETRY)}\n{' | '.join(last)}", fontsize=8.5, pad=12)
    axes.locator_params(axis="x", nbins=5)  # more five-digit steps would run into each other
    axes.set_xlabel("step")
    if _is_score(name):
        axes.set_ylim(0, 100)
        axes.set_ylabel("per cent")
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.6)


def _style(number: int) -> dict:
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)], "linewidth": 1.4}
