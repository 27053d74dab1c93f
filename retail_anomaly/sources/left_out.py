"""What of a folder is not read, for a person."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from retail_anomaly.core.events import INPUT_TOPICS

_TEXTS: Final = (".txt", ".dat")
_LINES: Final = (".jsonl", ".json", ".ndjson")
_MAY_HOLD_EVENTS: Final = (
    *(*_TEXTS, *_LINES, ".gz", ".bz2", ".zst", ".zip", ".xz", ".7z", ".rar", ".tar", ".tgz"),
    *(".xls", ".xlsb", ".ods", ".avro", ".orc", ".feather", ".arrow", ".xml"),
)
# What the commands write may lie beside what they read.
_OURS: Final = (b'"alertId"', b'"incidentId"')
_SIGNS: Final = re.compile(r"[-_. ]")
_TOPICS: Final = tuple(_SIGNS.sub("", topic) for topic in INPUT_TOPICS)
_TABLES: Final = (".csv", ".tsv")
_OF_PROGRAMS: Final = (".lock", ".tmp", ".bak", ".log", ".md", ".yaml", ".yml", ".py", ".part", ".crc")
_TIMES: Final = (b"eventTime", b"shiftStart")
_BEGINNING: Final = 4_096
_LEAST_CELLS: Final = 4
_MOST_NAMED: Final = 5


def folders_left_out(folder: Path, tables: Sequence[Path]) -> list[str]:
    """Return a sentence about the folders below whose tables are not read.

    Examples
    --------
    >>> folders_left_out(Path("sales"), [Path("sales/2025"), Path("sales/archive")])
    ['sales: the tables in its folders are not read (2025, archive): name these folders too']
    """
    if not tables:
        return []
    return [f"{folder}: the tables in its folders are not read ({_named(tables)}): name these folders too"]


def files_left_out(folder: Path, parts: Sequence[Path]) -> list[str]:
    """Return a sentence about the files beside the parts of a table that may hold events as well.

    Examples
    --------
    >>> files_left_out(Path("."), [])
    []
    """
    return _not_read(folder, parts, _may_hold_events)


def topics_left_out(folder: Path, files: Sequence[Path]) -> list[str]:
    """Return a sentence about the files beside those named after topics that look like more of them.

    Parameters
    ----------
    folder, files
        The folder, and what is read of it.

    Examples
    --------
    >>> topics_left_out(Path("."), [])
    []
    """
    return _not_read(folder, files, _is_like_topic)


def _not_read(folder: Path, read: Sequence[Path], is_one: Callable[[Path], bool]) -> list[str]:
    known = set(read)
    left = [file for file in sorted(folder.iterdir()) if file not in known and is_one(file)]
    if not left:
        return []
    return [f"{folder}: some of its files are not read ({_named(left)}): name these files too"]


def _is_like_topic(file: Path) -> bool:
    name = _SIGNS.sub("", file.name.lower())
    if file.name.startswith((".", "_", "~$")) or not file.is_file():
        return False
    if name.startswith(_TOPICS) and not file.name.endswith(_OF_PROGRAMS):
        return True
    if file.suffix.lower() not in _TABLES:
        return False
    with file.open("rb") as content:
        start = content.read(_BEGINNING)
    return any(name in start for name in _TIMES) and not any(name.strip(b'"') in start for name in _OURS)


def _named(paths: Sequence[Path]) -> str:
    names = [path.name for path in paths]
    return ", ".join(names[:_MOST_NAMED]) + (" and others" if len(names) > _MOST_NAMED else "")


def _may_hold_events(file: Path) -> bool:
    suffix = file.suffix.lower()
    if suffix not in _MAY_HOLD_EVENTS or file.name.startswith((".", "_", "~$")) or not file.is_file():
        return False
    with file.open("rb") as content:
        start = content.read(_BEGINNING)
    if suffix in _TEXTS:
        line = start.lstrip().partition(b"\n")[0]
        return max(line.count(sign) for sign in b",;\t|") >= _LEAST_CELLS - 1
    return bool(start) and not (suffix in _LINES and any(name in start for name in _OURS))
