"""A report in words, and as JSON."""

from pathlib import Path

from tabulate import tabulate

from dcac_fastreid.data.doctor.examine import Report
from dcac_fastreid.data.doctor.found import OWN, Finding, Found
from dcac_fastreid.names import printable

NONE_KNOWN = "no published count known here"


def as_json(report: Report, linked: Path | None) -> dict:
    """All that a report tells; paths are absolute."""
    return {
        "path": str(report.path),
        "can_start": report.can_start,
        "ims_per_batch": report.ims_per_batch,
        "pictures_examined": report.examined,
        "linked": str(linked) if linked else None,
        "findings": [vars(finding) for finding in report.findings],
        "data_sets": [
            {
                "name": found.name,
                "folder": str(found.folder),
                "layout": found.layout,
                "reader": found.reader,
                "root": str(found.root) if found.root else None,
                "ims_per_batch": found.ims_per_batch,
                "splits": {split: _counted(found, split) for split in found.splits},
                "cameras": {"found": found.cameras, "published": found.published and found.published.cameras},
                "source": found.published and found.published.source,
                "findings": [vars(finding) for finding in found.findings],
            }
            for found in report.data_sets
        ],
    }


def as_text(report: Report, linked: Path | None) -> str:
    """For a terminal: what was found, with its counts; what stops a training; what is worth knowing; how to go on."""
    blocks = [_of_data_set(found) for found in report.data_sets]
    blocks += ["\n".join(map(_line, report.findings))] if report.findings else []
    if not report.examined:
        blocks.append("The images were not examined (--quick): what is unreadable, duplicated or leaking is not known.")
    if linked:
        blocks.append(
            f"Laid out by links in {printable(linked)}{'' if report.can_start else ', though training on it cannot start yet'}."
        )
    stops = sum(finding.stops for found in report.data_sets for finding in found.findings)
    stops += sum(finding.stops for finding in report.findings)
    blocks.append(
        f"Training can start{_with_batch(report.ims_per_batch)}."
        if report.can_start
        else f"Training cannot start: {stops} finding{'s' * (stops > 1)} to fix."
    )
    return "\n\n".join(blocks)


def _of_data_set(found: Found) -> str:
    rows = []
    for split in found.splits:
        counted = _counted(found, split)
        published = counted["published"]
        literature = [f"{published['identities']:,} and {published['images']:,}"] if published else []
        rows.append((split, f"{counted['identities']:,}", f"{counted['images']:,}", *literature))
    lines = [f"{found.name} in {printable(found.folder)}", f"  layout: {found.layout}"]
    if rows:
        headers = ("", "identities", "images", "published")[: len(rows[0])]
        table = tabulate(rows, headers=headers, disable_numparse=True)
        lines.append("\n".join(f"  {line}" for line in table.splitlines()))
        lines.append(f"  cameras: {_cameras_in_words(found)}")
    if found.published is None and found.name != OWN:
        lines.append(f"  {NONE_KNOWN}")
    lines += [f"  {_line(finding)}" for finding in sorted(found.findings, key=lambda finding: not finding.stops)]
    if found.reader and found.root and not found.stopped:
        lines.append(
            f"  in a config: DATASETS.ROOT {printable(found.root)}, data set {found.reader}{_with_batch(found.ims_per_batch)}"
        )
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    kind = "" if finding.kind == "note" else f" ({finding.kind})"
    return f"{'STOPS' if finding.stops else 'note'}{kind}: {printable(finding.sentence)}"


def _with_batch(ims_per_batch: int | None) -> str:
    return f" with SOLVER.IMS_PER_BATCH {ims_per_batch}" if ims_per_batch else ""


def _counted(found: Found, split: str) -> dict:
    items = found.splits[split]
    published = found.published.splits.get(split) if found.published else None
    return {
        "identities": len({item[1] for item in items}),
        "images": len(items),
        "published": {"identities": published[0], "images": published[1]} if published else None,
    }


def _cameras_in_words(found: Found) -> str:
    words = "unknown" if found.cameras is None else str(found.cameras)
    if found.published is None:
        return words
    return f"{words} ({f'published: {found.published.cameras}' if found.published.cameras else NONE_KNOWN})"
