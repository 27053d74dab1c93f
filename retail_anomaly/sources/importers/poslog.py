"""Import ARTS POSLog, the XML in which many tills tell of their transactions."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from retail_anomaly.settings.model import Settings
from retail_anomaly.sources.importers.dialect import SHIPPED, read_dialect
from retail_anomaly.sources.importers.events_out import prepare, write_events
from retail_anomaly.sources.importers.export_files import ExportError
from retail_anomaly.sources.importers.pos_elements import PosRecord, TransactionPaths
from retail_anomaly.sources.importers.pos_reader import transactions
from retail_anomaly.sources.importers.poslog_transactions import Transactions
from retail_anomaly.sources.importers.report import ImportReport
from retail_anomaly.sources.importers.safe_xml import Malformed


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
        A file is no POSLog, or is not safe to read.
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
        (TransactionPaths(read), Transactions(read, zone_of, store, report))
        for read in map(read_dialect, SHIPPED if dialect is None else [dialect])
    ]
    for log in logs:
        if not Path(log).is_file():
            raise ExportError(f"{log}: no such file")
    file = prepare(Path(out))
    write_events(_events(logs, readers, report), file, readers[0][0].name, report)
    for paths, events in readers:
        events.close()
        for path, count in paths.unused().items():
            report.skip(path, count=count)
    return report


def _events(
    logs: Sequence[Path | str], readers: list[tuple[TransactionPaths, Transactions]], report: ImportReport
) -> Iterator[dict[str, Any]]:
    for log in logs:
        paths, events = _fitting(log, readers)
        for transaction in _transactions(log, paths, report):
            yield from events.events(transaction)


def _fitting(
    log: Path | str, readers: list[tuple[TransactionPaths, Transactions]]
) -> tuple[TransactionPaths, Transactions]:
    """Return the first reader that finds the store of a file's first transaction."""
    for paths, events in readers[1:] and readers:
        # What is met here is met again.
        with Path(log).open("rb") as file, suppress(Malformed):
            first = next(transactions(file, str(log), paths.anew()), None)
            if first is not None and events.knows_store(first):
                return paths, events
    return readers[0]


def _transactions(log: Path | str, paths: TransactionPaths, report: ImportReport) -> Iterator[PosRecord]:
    count = 0
    with Path(log).open("rb") as file:
        try:
            for transaction in transactions(file, str(log), paths):
                count += 1
                yield transaction
        except Malformed as error:
            if not count:
                raise ExportError(
                    f"{log}: expected POSLog, XML with {paths.name} elements: {error.msg}"
                ) from None
            report.skip(
                Path(log).name, f"cut off or malformed after {count:,} transactions (line {error.lineno})"
            )
    if not count:
        raise ExportError(f"{log}: expected POSLog, found no {paths.name} element in it")
