"""The last lines of a command that reads events: how they were read."""

import typer

from retail_anomaly.sources.loaded import Events


def say_how_read(events: Events) -> None:
    """Say how the form of the files was taken, and what could not be read, on standard error."""
    for line in [*events.notes, *events.unread.lines()]:
        typer.echo(line, err=True)
