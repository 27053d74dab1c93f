"""The last lines of a command that reads events: how they were read, and why `--strict` fails."""

from collections.abc import Iterable

import typer

from retail_anomaly.core.quantities import plural
from retail_anomaly.sources.event_log import BadLines


def say_how_read(notes: Iterable[str], unread: BadLines) -> None:
    """Say how the form of the files was taken, and what could not be read, on standard error."""
    for line in [*notes, *unread.lines()]:
        typer.echo(line, err=True)


def strict_code(unread: int, remarks: int = 0) -> int:
    """Return the exit code under `--strict`, and say on standard error why it is not 0.

    Parameters
    ----------
    unread
        How many lines could not be read.
    remarks
        How many remarks about the data there were.
    """
    faults = [
        *([f"{plural(unread, 'line')} that could not be read"] if unread else ()),
        *([f"{plural(remarks, 'remark')} about the data"] if remarks else ()),
    ]
    if not faults:
        return 0
    typer.echo(f"--strict: exit code 1 because of {' and '.join(faults)}, see above", err=True)
    return 1
