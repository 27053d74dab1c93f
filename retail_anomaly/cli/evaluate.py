"""The command `retail-anomaly evaluate`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import (
    EXECUTORS_HELP,
    INCIDENTS_HELP,
    AlertsFile,
    ColumnNames,
    ConfigFile,
    MappingFile,
    Page,
    Verdicts,
    mapping_of,
    truth_of,
)
from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite, write_whole

if TYPE_CHECKING:
    import pandas as pd

    from retail_anomaly.evaluate import Activity, Scorecard
    from retail_anomaly.settings import Settings
    from retail_anomaly.sources.mapping import EventMapping

# Width of the tables where no terminal says how wide it is.
_WIDTH = 140


def evaluate(
    *,
    alerts: AlertsFile,
    incidents: Annotated[Path | None, typer.Option(help=INCIDENTS_HELP)] = None,
    verdicts: Verdicts = None,
    events: Annotated[
        str | None,
        typer.Option(
            help="The log that was replayed, a folder, or - for standard input. With it the scorecard also "
            "has the alert rate, a comparison with random alerts and the time to detect in events."
        ),
    ] = None,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    executor: Annotated[
        str | None,
        typer.Option(
            help=f"Read the buckets of --events, a log that `partition` has written: {EXECUTORS_HELP}",
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(min=0, help="With --executor local: number of processes; 0 means one per core."),
    ] = 1,
    config: ConfigFile = None,
    html: Page = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the figures to this file: .json for all of them, .csv for one table."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, help="Seed of the confidence intervals and the random alerts.")
    ] = 0,
) -> None:
    """Score alerts against known incidents.

    The scorecard shows the share of incidents that were found, the time it took and the number of alerts it
    cost.

    Example: retail-anomaly evaluate --alerts alerts.jsonl --incidents out/incidents.jsonl
    --events out/events.jsonl --html scorecard.html
    """
    if output is not None and output.suffix not in {".json", ".csv"}:
        raise UsageError(f"--output ends with .json or .csv, not {output.name!r}")
    if executor is not None and events is None:
        raise UsageError("--executor goes with --events")
    logs = [] if events is None else files_of(events)
    refuse_to_overwrite(
        {"--html": html, "--output": output}, [alerts, incidents, verdicts, config, mapping, *logs]
    )
    require_writable(html, output)
    from retail_anomaly.evaluate import scorecard
    from retail_anomaly.frames.alerts import read_alerts
    from retail_anomaly.frames.confidence import with_confidence
    from retail_anomaly.settings import load

    settings = load(config).settings
    zones = settings.zones
    raised = with_confidence(read_alerts(alerts), settings.cases.calibration)
    truth, remark = truth_of(incidents, verdicts, alerts, settings)
    activity = None
    if events is not None and executor is not None:
        activity = _activity_of_buckets(events, executor, jobs, settings, seed)
    elif events is not None:
        activity = _activity(events, mapping_of(mapping, columns), settings, seed)
    card = scorecard(raised, truth, activity=activity, zones=zones, seed=seed)
    _print(card)
    if remark is not None:
        typer.echo(remark, err=True)
    if html is not None:
        from retail_anomaly.report.scorecard_page import write_scorecard

        write_scorecard(card, html)
        typer.echo(f"Written: {html}", err=True)
    if output is not None:
        write_whole(output, card.to_csv() if output.suffix == ".csv" else card.to_json())
        typer.echo(f"Written: {output}", err=True)


def _activity(events: str, mapping: "EventMapping", settings: "Settings", seed: int) -> "Activity":
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.evaluate import Activity
    from retail_anomaly.replay import tracked
    from retail_anomaly.sources import open_input
    from retail_anomaly.sources.event_log import BadLines

    bad = BadLines()
    zones = settings.zones
    source = open_input(events, None, mapping, zones, settings.privacy)
    activity = Activity.of(tracked(source, source.events(bad), None), zones=zones, seed=seed)
    say_how_read(source.notes, bad)
    return activity


def _activity_of_buckets(
    events: str, executor: str, jobs: int, settings: "Settings", seed: int
) -> "Activity":
    from retail_anomaly.evaluate import activity_of_buckets

    activity, notes = activity_of_buckets(events, executor=executor, jobs=jobs, settings=settings, seed=seed)
    for note in notes:
        typer.echo(note, err=True)
    return activity


def _print(card: "Scorecard") -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    for rows in card.tables():
        if len(rows):
            console.print(_table(rows))
            console.print()
    for note in card.notes:
        typer.echo(note, err=True)


def _table(rows: "pd.DataFrame") -> object:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for place, heading in enumerate(rows.columns):
        table.add_column(Text(heading), justify="right" if place else "left", no_wrap=True)
    for row in rows.itertuples(index=False):
        table.add_row(*map(Text, row))
    return table
