"""The benchmark's results as tables to read."""

from collections.abc import Mapping, Sequence

from dcac_fastreid.profiling.step_parts import PARTS


def report(results: Mapping) -> str:
    """Tables of what `benchmark` returns."""
    settings, machine, versions = (results[key] for key in ("settings", "machine", "versions"))
    where = machine["gpu"] or f"{machine['processor']}, {machine['cores']} cores"
    head = (
        f"{where}, {settings['precision']}, batch {settings['batch']}, {settings['rounds']} rounds, PyTorch "
        f"{versions['torch']}, {results['date'][:10]}; {results['seconds']:.0f} s"
    )
    sections = [head, _training(results["training"]), _rest(results), _bars(results["bars"])]
    return "\n\n".join(section for section in sections if section)


def _training(training: Mapping) -> str:
    header = ["training step", "s", "step / plain", "images/s", "TFLOP (64)", "share", "ops", "launches", "GiB", *PARTS]
    rows = []
    for name, figures in training.items():
        rows.append(_of_step(name, figures))
        if "recorded" in figures:
            rows.append(_of_step(f"{name}, recorded", figures["recorded"]))
    return table(header, rows) if rows else ""


def _of_step(name: str, figures: Mapping) -> list[str]:
    """A row; of a step that was not measured, why."""
    if "step_s" not in figures:
        return [name, figures["left_out"]]
    parts = figures["parts_s"] or {}
    return [
        name,
        f"{figures['step_s']['median']:.4g}",
        _spread(figures.get("ratio_to_plain")),
        f"{figures['images_per_s']:.4g}",
        f"{figures['flops_batch_64'] / 1e12:.3g}" if "flops_batch_64" in figures else "",
        f"{figures['share_of_matrix_rate']:.0%}" if "share_of_matrix_rate" in figures else "",
        str(figures.get("operations", {}).get("all", "")),
        str(figures["launches"] or ""),
        f"{figures['peak_memory_gib']:.2f}" if figures["peak_memory_gib"] else "",
        *(f"{parts[part]:.3g}" if part in parts else "" for part in PARTS),
    ]


def _rest(results: Mapping) -> str:
    lines = []
    if "extraction" in results:
        for precision, figures in results["extraction"].items():
            lines.append(f"extraction, {precision}: {figures['images_per_s']:.4g} images/s at batch {figures['batch']}")
    if "ranking" in results:
        given, features = results["ranking"]["given_distances"], results["ranking"]["features"]
        lines.append(
            f"ranking {given['queries']} x {given['gallery']}: fast-reid {given['host_s']:.3g} s, ours {given['ours_s']:.3g} s, "
            f"{given['times_faster']:.0f} times faster, results {'equal' if given['equal'] else 'DIFFER'}"
        )
        memory = f", {features['peak_memory_gib']:.2f} GiB" if features["peak_memory_gib"] else ""
        lines.append(f"ranking {features['queries']} x {features['gallery']}: {features['seconds']:.3g} s{memory}")
    return "\n".join(lines)


def _bars(bars: Sequence[Mapping]) -> str:
    rows = []
    for bar in bars:
        measured = "" if bar["measured"] is None else f"{bar['measured']:.4g}"
        verdict = bar["note"] or ("holds" if bar["holds"] else "MISSED")
        if bar["stretch_holds"] is not None:
            verdict += f"; stretch {bar['stretch']:g} {'holds' if bar['stretch_holds'] else 'missed'}"
        rows.append([bar["name"], measured, bar["bar"], verdict])
    return table(["bar", "measured", "must be", ""], rows)


def _spread(ratio: Mapping | None) -> str:
    return f"{ratio['median']:.3f} ({ratio['min']:.3f}-{ratio['max']:.3f})" if ratio else ""


def report_plan(result: Mapping) -> str:
    """Tables of what `plan` returns."""
    predicted, measured = result["predicted"], result.get("measured", {})
    memory = predicted["memory_gib"]
    kinds = ("process", "weights", "optimizer", "step")
    rows = [["memory, GiB", f"{memory['total']:.2f}", *_measured(measured, result, "memory_gib", "memory")]]
    rows += [[f"  {kind}", f"{memory[kind]:.2f}"] for kind in kinds]
    if "step_s" in predicted:
        rows.append(["step, s", f"{predicted['step_s']:.4g}", *_measured(measured, result, "step_s", "step")])
        parts = measured.get("parts_s") or {}
        rows += [
            [f"  {part}", f"{seconds:.3g}", f"{parts[part]:.3g}" if part in parts else ""]
            for part, seconds in predicted["parts_s"].items()
        ]
    lines = [table(["", "predicted", "measured", "error"], rows)]
    if not result["fits"]:
        lines.append(f"It does not fit: this machine has {result['available_gib']:.2f} GiB for it.")
        for other in result["instead"]:
            verdict = "fits" if other["fits"] else "does not fit either"
            settings = " ".join(map(str, other["settings"]))
            lines.append(f"With {settings} it takes {other['memory_gib']['total']:.2f} GiB and {verdict}.")
    return "\n".join(lines)


def _measured(measured: Mapping, result: Mapping, figure: str, error: str) -> list[str]:
    return [f"{measured[figure]:.4g}", f"{result['error'][error]:+.0%}"] if measured else []


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell; a row may have fewer cells."""
    widths = [max(len(row[i]) if i < len(row) else 0 for row in [header, *rows]) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip() for line in lines
    )
