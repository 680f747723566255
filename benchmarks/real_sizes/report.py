"""The figures of a start as tables."""

from tabulate import tabulate

COLUMNS = {
    "wall_s": ("wall s", ".1f"),
    "cpu_s": ("CPU s", ".1f"),
    "peak_anonymous_gib": ("peak GiB, own", ".2f"),
    "peak_mapped_gib": ("peak GiB, mapped", ".2f"),
    "cache_mib": ("cache MiB", ".1f"),
}


def table(figures: dict) -> str:
    """Both starts, pass by pass, and a few lines about images and lists."""
    return "\n\n".join(f"{kind}\n{_start(figures[kind])}" for kind in ("cold", "warm"))


def _start(start: dict) -> str:
    passes, decodings = start["passes"], start["decoded_in_pass"]
    rows = [
        [name, *(format(each[key], form) for key, (_, form) in COLUMNS.items()), decodings.get(name, 0)]
        for name, each in passes.items()
    ]
    most = [max(each[key] for each in passes.values()) for key in ("peak_anonymous_gib", "peak_mapped_gib")]
    total = [start["total_s"], start["total_cpu_s"], *most, start["cache_mib"]]
    together = [format(value, form) for value, (_, form) in zip(total, COLUMNS.values(), strict=True)]
    rows.append(["to the first step", *together, sum(decodings.values())])
    often = ", ".join(f"{count:,} {times} times" for times, count in start["images_decoded_so_often"].items())
    lines = [
        tabulate(rows, ("pass", *(title for title, _ in COLUMNS.values()), "decoded"), disable_numparse=True),
        f"images decoded: {often or 'none'}",
        "lists read: " + ", ".join(f"{name} {times} times" for name, times in start["lists_read"].items()),
    ]
    if path := start["data_path"]:
        of_batch = f"{path['cpu_ms']:.2f} ms of CPU for a batch of {path['batch']}, may be {path['most_ms']} ms"
        lines.append(f"data path of a step: {of_batch}")
    if start["functions_not_found"]:
        lines.append(f"not measured, as this version has no {', '.join(start['functions_not_found'])}")
    return "\n".join(lines)
