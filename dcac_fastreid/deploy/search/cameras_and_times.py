"""Which camera took a photo, and when? From the names of file and folders, or from a table of the user's.

A camera is a text. A time is a whole number of milliseconds since 1970 on the one clock of all photos: that of the cameras, or UTC
where a table's times tell their distance from it. NumPy reads it as datetime64[ms].
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath

from dcac_fastreid.arguments import as_path, shown_value
from dcac_fastreid.data.readers.photos import CAMERA_FOLDER, camera_in
from dcac_fastreid.errors import InputError
from dcac_fastreid.names import printable, shown

# 20240131_235959, 2024-01-31T23-59-59, 20240131235959 and the like; digits before or after make it another number.
TIME = re.compile(r"(?<!\d)(\d{4})(-?)(\d\d)\2(\d\d)[T_ -]?(\d\d)([-:.]?)(\d\d)\6(\d\d)(?!\d)")
FIRST_YEAR, LAST_YEAR = 1970, 2099  # of a file name; other numbers of 14 digits are no times
EPOCH = datetime(1970, 1, 1)
LONGEST = 200  # letters of a camera's name
TABLE = ("path", "camera", "time")  # the columns; one of the last two may lack
NAMES = {"encoding": "utf-8-sig", "errors": "surrogateescape"}  # file names need not be text; Excel writes a mark first


@dataclass(frozen=True)
class CamerasAndTimes:
    """cameras: path -> camera or None; times: path -> time or None. None in place of one: no table has it."""

    cameras: dict[str, str | None] | None = None
    times: dict[str, int | None] | None = None

    def of(self, paths: Sequence[str]) -> dict[str, list]:
        """The columns `cameras` and `times` of an index: what the table tells; without such a column, what the names tell."""
        cameras = [*map(camera_of, paths)] if self.cameras is None else [*map(self.cameras.get, paths)]
        times = [*map(time_of, paths)] if self.times is None else [*map(self.times.get, paths)]
        return {"cameras": cameras, "times": times}

    def over(self, paths: Sequence[str], columns: Mapping[str, Sequence]) -> dict[str, list]:
        """Such columns, with what the table tells in place of what stood there. An empty cell tells that it is unknown."""
        told = {"cameras": self.cameras or {}, "times": self.times or {}}
        return {name: [*map(cells.get, paths, columns[name])] for name, cells in told.items()}

    def check(self, file: str | Path, paths: Sequence[str]) -> None:
        """Raises InputError: the table tells of none of these photos."""
        told = (self.cameras or {}).keys() | (self.times or {}).keys()
        if told.isdisjoint(paths):
            raise InputError(
                f"{file} tells of none of the photos: it has {shown(sorted(told)) or 'no line'}, the photos are {shown(paths)}; "
                "write paths below the folder of the photos"
            )


def camera_of(path: str) -> str | None:
    """The camera's number in a photo's name (`camera_in`), or in that of the innermost folder that is called as a camera is."""
    path = PurePosixPath(path)
    folders = [part for part in reversed(path.parts[:-1]) if CAMERA_FOLDER.fullmatch(part)]
    camera = next(filter(None, map(camera_in, (path.stem, *folders))), None)
    return camera if camera and is_camera(camera) else None


def time_of(path: str) -> int | None:
    """The date and time of day in a photo's name, without its folders; None where there is none."""
    for found in TIME.finditer(PurePosixPath(path).name):
        year, month, day, hour, minute, second = (int(found[part]) for part in (1, 3, 4, 5, 7, 8))
        try:
            time = datetime(year, month, day, hour, minute, second)
        except ValueError:  # no such day
            continue
        if FIRST_YEAR <= year <= LAST_YEAR:
            return _milliseconds(time)
    return None


def as_time(text: str, what: str) -> int:
    """A date, or a date and a time of day, as ISO 8601 writes them. Raises InputError: it is none.

    Args: what: the time is, for the sentence: "--after".
    """
    return _milliseconds(_read_time(text, what))


def time_text(time: int) -> str:
    """As "2024-01-31 23:59:59", with milliseconds where there are some."""
    moment = EPOCH + timedelta(milliseconds=time)
    return moment.isoformat(" ", "milliseconds" if moment.microsecond else "seconds")


def is_time(time: int) -> bool:
    """Whether a calendar has it: from the year 1 to 9999."""
    return _milliseconds(datetime.min) <= time <= _milliseconds(datetime.max)


def is_camera(name: str) -> bool:
    return 0 < len(name) <= LONGEST and name.isprintable() and name == name.strip()


def read_table(file: str | Path) -> CamerasAndTimes:
    """A CSV file with the columns path (below the folder of the photos), camera, time; other columns are passed over.

    An empty cell is an unknown camera or time.

    Raises: InputError: no such file, other columns, a path told twice, a camera or time that is none, times of which some tell
        their distance from UTC and others do not.
    """
    file = as_path(file, "the table of cameras and times")
    try:
        with open(file, newline="", **NAMES) as stream:
            rows = csv.DictReader(stream)
            columns = rows.fieldnames or []
            _check_columns(file, columns)
            cells = [(rows.line_num, *((row.get(name) or "").strip() for name in TABLE)) for row in rows]
    except (OSError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"the table {file} cannot be read ({why}); name a CSV file with the columns path, camera, time"
        ) from error
    lines = [line for line, *_ in cells]
    paths = [_path(path) for _, path, _, _ in cells]
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise InputError(f"{file} tells {shown(twice)} twice; keep one line for each photo")
    cameras = times = None
    if "camera" in columns:
        cameras = _column(paths, [(line, cell) for line, _, cell, _ in cells], _camera(file))
    if "time" in columns:
        moments = _column(paths, [(line, cell) for line, _, _, cell in cells], _moment(file))
        _check_one_clock(file, moments, dict(zip(paths, lines, strict=True)))
        times = {path: None if moment is None else _milliseconds(moment) for path, moment in moments.items()}
    return CamerasAndTimes(cameras, times)


def describe(cameras: Sequence[str | None], times: Sequence[int | None]) -> str:
    """A sentence on what is known of so many photos; "" where nothing is."""
    known = [camera for camera in cameras if camera is not None]
    moments = [time for time in times if time is not None]
    sentences = []
    if known:
        different = len(set(known))
        sentences.append(
            f"the camera of {len(known):,} of {len(cameras):,} ({different:,} camera{'s' * (different > 1)})"
        )
    if moments:
        span = f"{time_text(min(moments))} to {time_text(max(moments))}"
        sentences.append(f"the time of {len(moments):,} of {len(times):,} ({span})")
    return f"known: {', '.join(sentences)}" if sentences else ""


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    if "path" not in columns or not {"camera", "time"} & set(columns):
        raise InputError(
            f"{printable(file)} has the columns {shown(columns) or 'none'}; expected path, and camera or time or both, with "
            "commas between, in its first line"
        )


def _path(cell: str) -> str:
    return PurePosixPath(cell.replace("\\", "/")).as_posix()


def _column(paths: list[str], cells: list[tuple[int, str]], read: Callable[[int, str], object]) -> dict[str, object]:
    return {path: read(line, cell) if cell else None for path, (line, cell) in zip(paths, cells, strict=True)}


def _camera(file: Path) -> Callable[[int, str], str]:
    def read(line: int, cell: str) -> str:
        if not is_camera(cell):
            raise InputError(
                f"{file}, line {line}: the camera is {cell!r:.60}; expected a name of {LONGEST} letters at most"
            )
        return cell

    return read


def _moment(file: Path) -> Callable[[int, str], datetime]:
    return lambda line, cell: _read_time(cell, f"{file}, line {line}: the time")


def _check_one_clock(file: Path, moments: dict[str, datetime | None], lines: dict[str, int]) -> None:
    by_zone = {moment.tzinfo is None: path for path, moment in moments.items() if moment is not None}
    if len(by_zone) == 2:
        raise InputError(
            f"{file}: the time in line {lines[by_zone[False]]} tells its distance from UTC, that in line "
            f"{lines[by_zone[True]]} does not; write all of them in one way"
        )


def _read_time(text: str, what: str) -> datetime:
    """In UTC where the text tells its distance from it, else without a zone."""
    try:
        moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", text.strip()))
        return moment if moment.tzinfo is None else moment.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:  # OverflowError: in UTC it is before the year 1 or after 9999
        raise InputError(f"{what} is {shown_value(text)}; expected a time such as 2024-01-31 23:59:59") from error


def _milliseconds(moment: datetime) -> int:
    return (moment.replace(tzinfo=None) - EPOCH) // timedelta(milliseconds=1)
