"""The command `retail-anomaly report`."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import (
    INCIDENTS_HELP,
    AlertsFile,
    ColumnNames,
    ConfigFile,
    MappingFile,
    mapping_of,
)
from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources import STDIN
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite


def report(
    *,
    alerts: AlertsFile,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    incidents: Annotated[
        Path | None, typer.Option(help=f"{INCIDENTS_HELP} The page then says whether each was found.")
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(
            help="The decisions on the alerts, an actions file. The page then says what the verdicts taught."
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            help="The log that was replayed, or its folder. The page then also shows the sales behind the "
            "alerts, alert rates, the refunds that could not be judged and the quality of the data."
        ),
    ] = None,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    config: ConfigFile = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Alerts",
) -> None:
    """Write an HTML page about alerts, to read or to send. It opens offline.

    Example: retail-anomaly report --alerts alerts.jsonl --output report.html
    """
    if events is not None and _can_be_read_only_once(events):
        raise UsageError(
            f"--events: the page reads the log twice, and {events} can be read only once: give a file"
        )
    logs = [] if events is None else files_of(events)
    refuse_to_overwrite({"--output": output}, [alerts, incidents, verdicts, config, mapping, *logs])
    require_writable(output)
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.evaluate import refund_cover
    from retail_anomaly.frames.alerts import read_alerts
    from retail_anomaly.frames.cases import triage
    from retail_anomaly.frames.confidence import with_confidence
    from retail_anomaly.frames.incidents import read_incidents
    from retail_anomaly.frames.quality import data_quality
    from retail_anomaly.plots import pos_frame
    from retail_anomaly.report.alerts_page import write_report
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events

    settings = load(config).settings
    raised = with_confidence(read_alerts(alerts), settings.cases.calibration)
    truth = None if incidents is None else read_incidents(incidents, privacy=settings.privacy)
    zones = settings.zones
    mapped = mapping_of(mapping, columns)
    read = None if events is None else Events(events, None, mapped, zones, settings.privacy)
    write_report(
        raised,
        output,
        incidents=truth,
        book=None if verdicts is None else triage(raised, verdicts, settings=settings),
        events=None if read is None else pos_frame(read),
        quality=None if read is None else data_quality(read, zones=zones),
        refunds=None if read is None else refund_cover(read, settings=settings),
        remarks=() if read is None else read.summary.lines()[1:],
        title=title,
        zones=zones,
    )
    typer.echo(f"Written: {output}", err=True)
    if read is not None:
        say_how_read(read.notes, read.unread)


def _can_be_read_only_once(events: str) -> bool:
    """Tell whether a log is standard input or another pipe."""
    path = Path(events)
    return events == STDIN or (path.exists() and not path.is_file() and not path.is_dir())
