"""The command `retail-anomaly profile`."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, TopicName, mapping_of
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite


def profile(
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOG...", help="Tables, logs or folders, as for replay; one or several."),
    ],
    *,
    employee: Annotated[str | None, typer.Option(help="The cashier; without one, the store.")] = None,
    store: Annotated[str | None, typer.Option(help="The store.")] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="Alerts of these logs; by default the logs are replayed.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("profile.html"),
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    config: ConfigFile = None,
) -> None:
    """Write a page about one cashier or one store: sales, refunds, alerts, peers, over time.

    Example: retail-anomaly profile events.jsonl --employee c-1-7 --store store-1
    """
    refuse_to_overwrite({"--output": output}, [*files_of(*logs), alerts, config, mapping])
    require_writable(output)
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.frames.alerts import read_alerts
    from retail_anomaly.report.profile_page import profile as described
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events

    settings = load(config).settings
    events = Events(logs, topic, mapping_of(mapping, columns), settings.zones, settings.privacy)
    raised = None if alerts is None else read_alerts(alerts)
    found = described(events, employee_id=employee, store_id=store, alerts=raised, settings=settings)
    found.write(output)
    typer.echo(f"{found.summary}\nWritten: {output}", err=True)
    say_how_read(events.notes, events.unread)
