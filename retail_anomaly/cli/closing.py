"""The last lines of a command that reads events: how they were read."""

from collections.abc import Iterable

import typer

from retail_anomaly.sources.event_log import BadLines


def say_how_read(notes: Iterable[str], unread: BadLines) -> None:
    """Say how the form of the files was taken, and what could not be read, on standard error."""
    for line in [*notes, *unread.lines()]:
        typer.echo(line, err=True)
