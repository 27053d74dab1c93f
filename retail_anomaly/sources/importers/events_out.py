"""The events of an import as a folder that every command reads."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import POS_EVENTS, time_of
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.sorted_lines import SortedLines
from retail_anomaly.whole_file import check_writable, whole_file

EVENTS_FILE: Final = f"{POS_EVENTS}.jsonl"
# Events that are held in memory at once while they are sorted.
_RUN: Final = 50_000


def prepare(out: Path) -> Path:
    """Make the folder and return the file in it that `write_events` writes.

    Raises
    ------
    OSError
        The folder or the file can't be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    file = out / EVENTS_FILE
    check_writable(file)
    return file


def write_events(values: Iterable[dict[str, Any]], file: Path, path: str, report: ImportReport) -> None:
    """Write events in the order of their times, equal times in the order in which they come.

    Parameters
    ----------
    values
        The events as JSON has them, in any order; no field is empty.
    file
        Replaced when all are written.
    path
        Names the export's part in the report, for values that are no valid event.
    report
        Told of each event, and of each value that is none.
    """
    with SortedLines(file.parent, _RUN) as lines:
        for value in values:
            raw = encode(value)
            try:
                time = time_of(decode(POS_EVENTS, raw))
            except InvalidEvent as error:
                report.skip(path, error.reason)
                continue
            lines.add(time, raw)
            report.events[value["eventType"]] += 1
            report.training += value.get("training", False)
        with whole_file(file) as target:
            for piece in lines.pieces():
                target.write(piece)
