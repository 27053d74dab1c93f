"""The command `retail-anomaly report`."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    *,
    alerts: Annotated[Path, typer.Option(help="Alerts, one JSON line each, as replay writes them.")],
    output: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    incidents: Annotated[
        Path | None, typer.Option(help="Incidents that were injected: was each found?")
    ] = None,
    events: Annotated[
        Path | None,
        typer.Option(help="Events as replay reads them: sales behind the alerts, rates, data quality."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="A YAML file, for the time zones of the stores.")
    ] = None,
    title: Annotated[str, typer.Option(help="Heading of the page.")] = "Alerts",
) -> int:
    """Write one HTML page about alerts, which opens offline.

    Example: retail-anomaly report --alerts alerts.jsonl --output report.html
    """
    # Here, for they take longer to import than the other commands to run.
    from retail_anomaly.evaluate import read_incidents
    from retail_anomaly.frames.alerts import read_alerts
    from retail_anomaly.frames.quality import data_quality
    from retail_anomaly.plots import pos_frame
    from retail_anomaly.report.alerts_page import write_report
    from retail_anomaly.settings import SettingsError, load
    from retail_anomaly.sources import open_input
    from retail_anomaly.sources.event_log import BadLines

    try:
        stores = load(config).settings.stores
        zones = {name: store.time_zone for name, store in stores.items()}
        write_report(
            read_alerts(alerts),
            output,
            incidents=None if incidents is None else read_incidents(incidents),
            events=None if events is None else pos_frame(open_input(events).events(BadLines())),
            quality=None if events is None else data_quality(events, zones=zones),
            title=title,
            zones=zones,
        )
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    except SettingsError as error:
        return _fail(str(error), 2)
    except ValueError as error:
        return _fail(str(error))
    typer.echo(f"Written: {output}", err=True)
    return 0


def _fail(message: str, code: int = 1) -> int:
    typer.echo(f"retail-anomaly: {message}", err=True)
    return code
