"""The command `retail-anomaly allow check`."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.options import AlertsFile, ConfigFile
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.records import InvalidRecord

allow_app = typer.Typer(rich_markup_mode=None, help="Check allow entries before you take them.")


@allow_app.callback()
def _group() -> None:
    """Keep `check` a command of its own, though it is the only one."""


@allow_app.command()
def check(
    entries: Annotated[
        Path,
        typer.Argument(help="The entries: JSON lines with the fields of alert-actions, allow or snooze."),
    ],
    *,
    alerts: AlertsFile,
    actions: Annotated[
        Path | None,
        typer.Option(help="The decisions so far. Default: beside the alerts, .actions.jsonl."),
    ] = None,
    config: ConfigFile = None,
) -> int:
    """Check that entries hide no alert that somebody confirmed; exit with 1 if one does.

    Example: retail-anomaly allow check entries.jsonl --alerts alerts.jsonl
    """
    from retail_anomaly.frames.cases import hidden_confirmed
    from retail_anomaly.settings import load

    settings = load(config).settings
    file = actions or alerts.with_suffix(".actions.jsonl")
    try:
        found = hidden_confirmed(alerts, file if file.exists() else (), entries, privacy=settings.privacy)
    except InvalidRecord as error:  # not exit code 1, which says that an entry hides an alert
        raise UsageError(str(error)) from None
    if not file.exists():
        typer.echo(f"{file} is not there: no alert is confirmed yet", err=True)
    if not found:
        typer.echo(f"{entries} has no entries", err=True)
    for name, hidden in found.items():
        if hidden is None:
            typer.echo(f"{name}: its store has no alert in {alerts}: is its storeId right?")
        elif hidden:
            first = hidden[0]
            more = f" and {plural(len(hidden) - 1, 'other')}" if len(hidden) > 1 else ""
            typer.echo(
                f"{name}: hides the confirmed alert {first.alert_id}{more} ({first.message}): name a second "
                "field in its scope, or leave it out"
            )
        else:
            typer.echo(f"{name}: hides no confirmed alert")
    return 1 if any(found.values()) else 0
