"""Options and arguments that several commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file (YAML). `retail-anomaly config show` lists its keys."),
]
AlertsFile = Annotated[
    Path, typer.Option(help="The alerts: a file of JSON lines, as `retail-anomaly replay` writes it.")
]
Page = Annotated[Path | None, typer.Option(help="Also write an HTML page with figures. It opens offline.")]

INCIDENTS_HELP: Final = "The incidents that were there to be found, as `retail-datagen` writes them."


def names_in(text: str | None) -> list[str] | None:
    """Split a comma-separated option.

    Examples
    --------
    >>> names_in("refund_burst, refund_without_sale")
    ['refund_burst', 'refund_without_sale']
    >>> names_in(None)
    """
    return None if text is None else [name.strip() for name in text.split(",")]


@contextmanager
def our_column_names() -> Iterator[None]:
    """Leave out the advice to map columns: the command has no `--columns` and reads our own names only."""
    # Here, for `--help` needs no sources.
    from retail_anomaly.sources.base import MissingColumnsError, SourceError

    try:
        yield
    except MissingColumnsError as error:
        raise SourceError(error.found) from None
