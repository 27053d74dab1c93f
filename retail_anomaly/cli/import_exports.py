"""The commands `retail-anomaly import ...`: exports of tills as events."""

from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from retail_anomaly.cli.options import ConfigFile
from retail_anomaly.core.errors import UsageError
from retail_anomaly.settings import load
from retail_anomaly.whole_file import refuse_to_overwrite

import_app = typer.Typer(rich_markup_mode=None, help="Turn the exports of tills into events.")

Out = Annotated[
    Path,
    typer.Option("--out", help="Folder for the events, pos-events.jsonl. It replaces an old one at the end."),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--time-zone",
        help="IANA name, such as Europe/Berlin, for times without a zone in stores that the configuration "
        "does not list. Default: UTC.",
    ),
]
Store = Annotated[
    str | None,
    typer.Option("--store", help="Id of the store. Default: as the export names each till's place."),
]
_UNKNOWN: Final = (ValueError, OSError, LookupError)


@import_app.command()
def dsfinvk(
    exports: Annotated[
        list[Path],
        typer.Argument(metavar="EXPORT...", help="Exports: zip files, or folders with an index.xml."),
    ],
    *,
    out: Out,
    config: ConfigFile = None,
    time_zone: Zone = None,
    store: Store = None,
) -> None:
    """Import DSFinV-K, the export that every German till must be able to write.

    It ends with a report of the events and of all rows that could not be mapped. docs/import.md has each
    reading.

    Example: retail-anomaly import dsfinvk till-1.zip till-2.zip --time-zone Europe/Berlin --out events
    """
    # Here, for only the extra `import` installs lxml.
    from retail_anomaly.sources.importers.dsfinvk import import_dsfinvk

    settings = load(config).settings
    report = import_dsfinvk(exports, out, settings, zone=_zone(time_zone), store=store)
    for line in report.lines():
        typer.echo(line)


@import_app.command()
def poslog(
    logs: Annotated[list[Path], typer.Argument(metavar="FILE...", help="POSLog files (XML), of any size.")],
    *,
    out: Out,
    dialect: Annotated[
        str | None,
        typer.Option(
            help="How the tills write it: poslog-2, poslog-6, or a YAML file of paths. Default: by the first "
            "transaction of each file."
        ),
    ] = None,
    config: ConfigFile = None,
    time_zone: Zone = None,
    store: Store = None,
) -> None:
    """Import ARTS POSLog, the XML of many tills.

    It ends with a report of the events and of all paths that could not be mapped. docs/import.md has each
    reading.

    Example: retail-anomaly import poslog tlog-*.xml --time-zone America/Chicago --out events
    """
    from retail_anomaly.sources.importers.poslog import import_poslog

    refuse_to_overwrite({"--out": out / "pos-events.jsonl"}, logs)
    settings = load(config).settings
    report = import_poslog(logs, out, settings, dialect=dialect, zone=_zone(time_zone), store=store)
    for line in report.lines():
        typer.echo(line)


def _zone(name: str | None) -> ZoneInfo | None:
    try:
        return None if name is None else ZoneInfo(name)
    except _UNKNOWN:
        raise UsageError(f"--time-zone: expected an IANA name such as Europe/Berlin, got {name!r}") from None
