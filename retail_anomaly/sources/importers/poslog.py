"""Import ARTS POSLog, the XML in which many tills tell of their transactions."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from retail_anomaly.settings.model import Settings
from retail_anomaly.sources.importers.dialect import SHIPPED, Dialect, read_dialect
from retail_anomaly.sources.importers.events_out import prepare, write_events
from retail_anomaly.sources.importers.export_files import ExportError
from retail_anomaly.sources.importers.pos_elements import TransactionPaths
from retail_anomaly.sources.importers.pos_logs import LogEnd, read_logs
from retail_anomaly.sources.importers.pos_reader import transactions
from retail_anomaly.sources.importers.poslog_transactions import Transactions
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.safe_xml import Malformed

Reader: TypeAlias = tuple[Dialect, Transactions]


def import_poslog(
    logs: Sequence[Path | str],
    out: Path | str,
    settings: Settings | None = None,
    *,
    dialect: str | None = None,
    zone: ZoneInfo | None = None,
    store: str | None = None,
) -> ImportReport:
    """Write the transactions of POSLog files as an event folder.

    Parameters
    ----------
    logs
        The files. They may be larger than the memory.
    out
        The folder for `pos-events.jsonl`; made if need be.
    settings
        Give the time zones of stores; None: the packaged ones.
    dialect
        A dialect in the package or a YAML file; None: of those in the package the first one that finds the
        store of the first transaction.
    zone
        The time zone of stores that the settings do not list, for times without a zone; None: UTC.
    store
        The store's id; None: as each transaction says.

    Returns
    -------
    ImportReport
        The events by kind, and the paths that could not be mapped.

    Raises
    ------
    ExportError
        There is no file, a file is no POSLog, or it is not safe to read.
    UsageError
        There is no such dialect.

    Examples
    --------
    >>> import_poslog(["nowhere.xml"], "events")
    Traceback (most recent call last):
    retail_anomaly.sources.importers.export_files.ExportError: nowhere.xml: no such file
    """
    report = ImportReport()
    known = settings or Settings()

    def zone_of(store_id: str) -> ZoneInfo:
        return zone if zone is not None and store_id not in known.stores else known.zone(store_id)

    readers = [
        (read, Transactions(read, zone_of, store, report))
        for read in map(read_dialect, SHIPPED if dialect is None else [dialect])
    ]
    if not logs:
        raise ExportError("no POSLog file: name one at least")
    for log in logs:
        if not Path(log).is_file():
            raise ExportError(f"{log}: no such file")
    file = prepare(Path(out))
    write_events(_events(logs, readers, report), file, readers[0][0].transaction, report)
    for _, events in readers:
        events.close()
    return report


def _events(
    logs: Sequence[Path | str], readers: Sequence[Reader], report: ImportReport
) -> Iterator[dict[str, Any]]:
    fitting = [(str(log), *_fitting(log, readers)) for log in logs]
    rest = iter(fitting)
    log, dialect, events = next(rest)
    count = 0
    for read in read_logs([(log, dialect) for log, dialect, _ in fitting]):
        if isinstance(read, LogEnd):
            _check_end(read, count, log, dialect, report)
            log, dialect, events = next(rest, fitting[-1])
            count = 0
        elif isinstance(read, Counter):
            for path, times in read.items():
                report.skip(path, count=times)
        else:
            count += len(read)
            for transaction in read:
                yield from events.events(transaction)


def _fitting(log: Path | str, readers: Sequence[Reader]) -> Reader:
    """Return the first reader that finds the store of a file's first transaction."""
    for dialect, events in readers[1:] and readers:
        # What is met here is met again.
        with Path(log).open("rb") as file, suppress(Malformed):
            first = next(transactions(file, str(log), TransactionPaths(dialect)), None)
            if first is not None and events.knows_store(first):
                return dialect, events
    return readers[0]


def _check_end(end: LogEnd, count: int, log: str, dialect: Dialect, report: ImportReport) -> None:
    """Tell of a file that is cut off, and refuse one without a transaction."""
    name = dialect.transaction
    if end.error and not count:
        raise ExportError(f"{log}: expected POSLog, XML with {name} elements: {end.error}")
    if not count:
        raise ExportError(f"{log}: expected POSLog, found no {name} element in it")
    if end.error:
        report.skip(Path(log).name, f"cut off or malformed after {count:,} transactions (line {end.line})")
