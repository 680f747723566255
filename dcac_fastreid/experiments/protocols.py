"""Which tables are there? The protocols by name and the paper's tables by number, each with its rows and columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from dcac_fastreid.errors import InputError
from dcac_fastreid.experiments.paper import PUBLISHED
from dcac_fastreid.experiments.rows import ROWS

Column = tuple[str, str]  # source and target by the paper's short names: ("MA", "D"), ("MA+D+C3", "MS"), ("MA", "MA")

# Seen at once on synthetic data set 0: on unseen targets, and on the source's own test set.
CONTROLS = ("baseline_interpolated", "baseline_no_erasing")
CONTROLS_ON_SOURCE = ("baseline_no_erasing",)

ALL = "all"  # --table: the tables of the paper for which something is trained
OF_PAPER = ("2", "3", "4", "5", "7", "8", "9", "10")

DATASETS = {"MA": "DG_Market1501", "D": "DG_DukeMTMC", "MS": "DG_MSMT17", "C3": "DG_CUHK03NP"}


@dataclass(frozen=True)
class TableSpec:
    """A table before anything is trained.

    Attributes:
        name: as --table takes it, "single-source" or "7".
        rows: names of ROWS, in order.
        reference: the row that all others are compared with.
        controls: rows that are known to be better than the reference; where one of them does not show, the table gives no verdict
            on the others. On the synthetic data set, each table whose reference is the baseline has CONTROLS.
        published: mAP and Rank-1 in per cent that the paper prints for a row and a column; absent where it prints none.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    reference: str
    columns: tuple[Column, ...]
    published: Mapping[tuple[str, Column], tuple[float, float]]
    controls: tuple[str, ...] = ()

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources to train on, each once, in the columns' order."""
        return tuple(dict.fromkeys(source for source, _ in self.columns))

    @property
    def compared(self) -> tuple[str, ...]:
        """The rows that are neither the reference nor its controls."""
        return tuple(row for row in self.rows if row not in (self.reference, *self.controls))


def all_targets(source: str) -> tuple[str, ...]:
    """What one training is tested on: its own test set and the other three; of several sources the one that is left out."""
    trained = source.split("+")
    others = tuple(name for name in DATASETS if name not in trained)
    return others if len(trained) > 1 else (source, *others)


def config_file(source: str) -> str:
    """The config of a source's training, below configs/DCAC or configs/DCAC/synthetic."""
    return f"{source}_{all_targets(source)[0]}.yml".lower()


def tables_of(name: str, *, synthetic: bool = False) -> tuple[TableSpec, ...]:
    """The table of this name, or ALL of the paper's. Arguments and errors as of `table_of`."""
    return tuple(table_of(number, synthetic=synthetic) for number in (OF_PAPER if name == ALL else (name,)))


def table_of(name: str, *, synthetic: bool = False) -> TableSpec:
    """The table of this name.

    Args:
        synthetic: on the synthetic data set, where further targets cost nothing, the ablations show every target of their
            sources, rows that are known to be better than the baseline stand beside all others, and there is a denoiser that
            is conditioned on the image embeddings of the baseline's encoder.
    Raises: InputError: no table has this name; it compares synthetic rows alone, and not synthetic.
    """
    if name not in TABLES:
        known = ", ".join([*TABLES, ALL])
        raise InputError(
            f"there is no table {name!r} to train; known are {known} (Table 6 is cost: dcac-fastreid model-stats)"
        )
    spec = TABLES[name]
    if not synthetic:
        spec = replace(spec, rows=tuple(row for row in spec.rows if not ROWS[row].synthetic_only))
        if not spec.compared and TABLES[name].compared:
            raise InputError(f"table {name} compares rows whose weights are synthetic; make it with --synthetic")
        return spec
    if name in _ABLATIONS:
        spec = replace(spec, columns=_towards_all(spec.columns))
    if spec.reference == "baseline":
        controls = CONTROLS_ON_SOURCE if all(source == target for source, target in spec.columns) else CONTROLS
        others = tuple(row for row in spec.rows if row not in controls)
        spec = replace(spec, rows=(*others, *controls), controls=controls)
    return spec


def _towards_all(columns: Sequence[Column]) -> tuple[Column, ...]:
    sources = dict.fromkeys(source for source, _ in columns)
    return tuple((source, target) for source in sources for target in all_targets(source) if target != source)


def _table(name: str, title: str, rows: str, columns: Sequence[Column], controls: str = "") -> TableSpec:
    """Its first row is the reference; its controls are the last."""
    names = (*rows.split(), *controls.split())
    cells = {(row, column) for row in names for column in columns}
    published = {cell: numbers for cell, numbers in PUBLISHED.items() if cell in cells}
    return TableSpec(name, title, names, names[0], tuple(columns), published, tuple(controls.split()))


_PAIRS = tuple(permutations(DATASETS, 2))
_LEFT_OUT = tuple(("+".join(name for name in DATASETS if name != target), target) for target in DATASETS)
_OWN = tuple((name, name) for name in DATASETS)
_MA_MS = (("MA", "MS"), ("MS", "MA"))
_ABLATIONS = ("5", "7", "9", "10")
_WEIGHTS = "baseline baseline_interpolated baseline_averaged dcac interpolated averaged"
_GENERALISATION = (
    "baseline baseline_interpolated baseline_no_erasing baseline_no_erasing_interpolated "
    "cross_view cross_view_interpolated image_cross_view image_cross_view_interpolated "
    "image_cross_view_no_erasing image_cross_view_no_erasing_interpolated"
)
_RATES = (
    "baseline baseline_interpolated baseline_averaged "
    "baseline_third baseline_third_interpolated baseline_third_averaged "
    "baseline_tenth baseline_tenth_interpolated baseline_tenth_averaged"
)

TABLES = {
    spec.name: spec
    for spec in (
        _table("single-source", "Single-source generalisation: the 12 pairs", "baseline dcac", _PAIRS),
        _table("leave-one-out", "Multi-source generalisation: trained on the other three", "baseline dcac", _LEFT_OUT),
        _table("source", "On the source's own test set", "baseline dcac", _OWN),
        _table("controls", "Controls that the paper lacks", "baseline dcac random_unet shuffled", _PAIRS),
        _table("generalisation", "Beyond the paper: what generalises", _GENERALISATION, _PAIRS),
        _table("generalisation-source", "The same, on the source's own test set", _GENERALISATION, _OWN),
        _table(
            "feedback",
            "What cross-view feedback adds to interpolation",
            "baseline_interpolated cross_view_interpolated image_cross_view_interpolated",
            _PAIRS,
            "baseline_no_erasing",
        ),
        _table(
            "feedback-no-erasing",
            "What cross-view feedback adds without random erasing",
            "baseline_no_erasing image_cross_view_no_erasing",
            _PAIRS,
            "baseline_no_erasing_interpolated",
        ),
        _table(
            "feedback-recommended",
            "What cross-view feedback adds to both",
            "baseline_no_erasing_interpolated image_cross_view_no_erasing_interpolated",
            _PAIRS,
        ),
        _table(
            "feedback-alone",
            "The feedback as the only loss, against the encoder that it starts from",
            "pretrained feedback_alone",
            _PAIRS,
            "baseline",
        ),
        _table(
            "feedback-alone-source",
            "The same, on the source's own test set",
            "pretrained feedback_alone",
            _OWN,
            "baseline",
        ),
        _table("weights", "Which weights are tested: trained, interpolated or averaged", _WEIGHTS, _PAIRS),
        _table("weights-source", "The same, on the source's own test set", _WEIGHTS, _OWN),
        _table(
            "rates",
            "Interpolation and averaging by learning rate: that of the config, a third, a tenth",
            _RATES,
            _PAIRS,
        ),
        _table(
            "views",
            "Beyond the paper: whose condition an image denoises, beside the Re-ID losses and without them",
            "baseline dcac view_identity view_camera cross_view image_cross_view "
            "feedback_alone_same feedback_alone feedback_alone_camera",
            _PAIRS,
        ),
        _table("2", "Table 2: single-source, from MA and D", "baseline dcac", _PAIRS[:6]),
        _table("3", "Table 3: single-source, from MS and C3", "baseline dcac", _PAIRS[6:]),
        _table("4", "Table 4: multi-source, leave one out", "dcac", _LEFT_OUT),
        _table(
            "5",
            "Table 5: which weights of the diffusion model train",
            "baseline frozen dcac partial1 partial2 full scratch",
            _MA_MS,
        ),
        # In two readings of the class-wise scheme: the paper's words, and what the authors' code computes.
        _table("7", "Table 7: conditioning schemes", "baseline instance class class_rescaled dcac", _MA_MS),
        _table(
            "8", "Table 8: on the source's own test set", "baseline instance class dcac", (("MA", "MA"), ("MS", "MS"))
        ),
        _table("9", "Table 9: rank of LoRA", "rank8 rank16 rank32 rank64", _MA_MS),
        _table("10", "Table 10: transforms of the condition", "baseline dcac silu batchnorm condition_net", _MA_MS),
    )
}

COST = (
    "Table 6 is cost, nothing is trained for it: `model-stats` counts parameters and FLOPs of each row, as in "
    "dcac-fastreid model-stats --config-file DCAC/ablation/ma_ms/frozen.yml --num-classes 751, and "
    "`benchmark` measures times and memory."
)


def list_tables() -> str:
    """A line for each table: how --table takes it, what it is, its rows."""
    width = max(map(len, TABLES))
    lines = [
        f"{spec.name:<{width}} {spec.title}; rows {', '.join(row + '*' * ROWS[row].synthetic_only for row in spec.rows)}"
        for spec in TABLES.values()
    ]
    of_paper = f"Tables {', '.join(OF_PAPER)}, each training once"
    return "\n".join([*lines, f"{ALL:<{width}} {of_paper}", f"{'6':<{width}} {COST}", "* with --synthetic alone"])
