"""Import DSFinV-K, the export that every German till must be able to write."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

from retail_anomaly.settings.model import Settings
from retail_anomaly.sources.importers.dsfinvk_receipt import is_receipt, receipt_events
from retail_anomaly.sources.importers.dsfinvk_tables import Receipts
from retail_anomaly.sources.importers.events_out import prepare, write_events
from retail_anomaly.sources.importers.export_files import ExportError, export_files
from retail_anomaly.sources.importers.gdpdu import INDEX, read_index
from retail_anomaly.sources.importers.report import ImportReport


def import_dsfinvk(
    exports: Sequence[Path | str],
    out: Path | str,
    settings: Settings | None = None,
    *,
    zone: ZoneInfo | None = None,
    store: str | None = None,
) -> ImportReport:
    """Write the receipts of DSFinV-K exports as an event folder.

    Parameters
    ----------
    exports
        Zips, or folders, each with an `index.xml` or several; a folder may also hold zips.
    out
        The folder for `pos-events.jsonl`; made if need be.
    settings
        Give the time zones of stores; None: the packaged ones.
    zone
        The time zone of stores that the settings do not list, for times without a zone; None: UTC.
    store
        The store's id; None: as the export names the place of each till.

    Returns
    -------
    ImportReport
        The events by kind, and what could not be mapped.

    Raises
    ------
    ExportError
        An export can't be read, or is not safe to read.

    Examples
    --------
    >>> import_dsfinvk(["nowhere.zip"], "events")
    Traceback (most recent call last):
    retail_anomaly.sources.importers.export_files.ExportError: nowhere.zip: no such file or folder
    """
    report = ImportReport()
    known = settings or Settings()

    def zone_of(store_id: str) -> ZoneInfo:
        return zone if zone is not None and store_id not in known.stores else known.zone(store_id)

    with (
        tempfile.TemporaryDirectory(prefix="retail-anomaly-") as folder,
        Receipts(Path(folder), zone_of, store, report) as receipts,
    ):
        for export in exports:
            _add(export, receipts, report)
        write_events(_events(receipts, report), prepare(Path(out)), "lines.csv", report)
    return report


def _add(path: Path | str, receipts: Receipts, report: ImportReport) -> None:
    with export_files(path) as export:
        indexes = [name for name in export.names if PurePosixPath(name).name.lower() == INDEX]
        zips = [name for name in export.names if name.lower().endswith(".zip")] if Path(path).is_dir() else []
        if not indexes and not zips:
            raise ExportError(f"{path}: no {INDEX} in it; expected a DSFinV-K export, a zip or a folder")
        for index in indexes:
            receipts.add(export, read_index(export, index, report), f"{export.name}: {index}")
    for name in () if indexes else zips:
        _add(Path(path, name), receipts, report)


def _events(receipts: Receipts, report: ImportReport) -> Iterator[dict[str, Any]]:
    for head, lines, payments, references in receipts.each():
        report.receipts += is_receipt(head.kind)
        yield from receipt_events(head, lines, payments, references, report)
