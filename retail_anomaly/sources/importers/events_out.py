"""The events of an import as a folder that every command reads."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

from retail_anomaly.core.codec import decode, encode
from retail_anomaly.core.events import POS_EVENTS, time_of
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.order import sorted_by_time
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
    """Write events in the order of their times.

    Parameters
    ----------
    values
        The events as JSON has them, in any order.
    file
        Replaced when all are written.
    path
        Names the export's part in the report, for values that are no valid event.
    report
        Told of each event, and of each value that is none.
    """
    with tempfile.TemporaryFile(dir=file.parent) as spool:
        in_order = _spool(values, spool, path, report)
        spool.seek(0)
        with whole_file(file) as target:
            if in_order:
                target.writelines(spool)
                return
            for event in sorted_by_time((decode(POS_EVENTS, line) for line in spool), _RUN):
                target.write(encode(event) + b"\n")


def _spool(values: Iterable[dict[str, Any]], spool: BinaryIO, path: str, report: ImportReport) -> bool:
    """Write the valid events as they come; return whether they came in order."""
    in_order, newest = True, 0
    for value in values:
        raw = encode({name: each for name, each in value.items() if each is not None and each != ""})
        try:
            time = time_of(decode(POS_EVENTS, raw))
        except InvalidEvent as error:
            report.skip(path, error.reason)
            continue
        in_order = in_order and time >= newest
        newest = time
        spool.write(raw + b"\n")
        report.events[value["eventType"]] += 1
        report.training += value.get("training", False)
    return in_order
