"""Options and arguments that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retail_anomaly.core.errors import UsageError
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import read_mapping

if TYPE_CHECKING:
    import pandas as pd

    from retail_anomaly.settings import Settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file (YAML). `retail-anomaly config show` lists its keys."),
]
AlertsFile = Annotated[
    Path, typer.Option(help="The alerts: a file of JSON lines, as `retail-anomaly replay` writes it.")
]
Page = Annotated[Path | None, typer.Option(help="Also write an HTML page with figures. It opens offline.")]

MappingFile = Annotated[
    str | None,
    typer.Option(
        "--mapping",
        help="How foreign data is read: a YAML file, or the name of a mapping of the package, such as "
        "square_items. `retail-anomaly mapping SOURCE` writes a draft.",
    ),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        help="Map your column names to our fields. field=column renames, field=column:value fills in "
        "empty cells, field=:value sets the same value everywhere; comma-separated.",
    ),
]
TopicName = Annotated[
    str | None,
    typer.Option("--topic", help="Topic of a file whose name does not say it. Default: pos-events."),
]

Verdicts = Annotated[
    Path | None,
    typer.Option(help="In place of --incidents: an actions file of the board. Its verdicts are the truth."),
]

EXECUTORS_HELP: Final = (
    "local (with --jobs processes), dask://HOST:PORT, dask+tls://HOST:PORT or ray://HOST:PORT."
)

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


def mapping_of(mapping: str | None, columns: Sequence[str] | None) -> EventMapping:
    """Return the mapping that `--mapping` and `--columns` name.

    Examples
    --------
    >>> mapping_of(None, ["cashierId=clerk", "storeId=:web"]).of_topic("pos-events").constants
    {'storeId': 'web'}
    """
    whole = EventMapping() if mapping is None else read_mapping(mapping)
    return whole.with_columns(Columns.parse(",".join(columns or ())))


def truth_of(
    incidents: Path | None, verdicts: Path | None, alerts: Path | None, settings: "Settings"
) -> "tuple[pd.DataFrame, str | None]":
    """Return the incidents of `--incidents` or of `--verdicts`, and a remark about them.

    Parameters
    ----------
    incidents
        An incidents file.
    verdicts
        An actions file, in its place.
    alerts
        The alerts that the verdicts are about.
    settings
        The section ``privacy`` counts.

    Raises
    ------
    UsageError
        Not exactly one of the two files is given, or the verdicts are about no alerts.
    """
    from retail_anomaly.frames.cases import triage
    from retail_anomaly.frames.incidents import read_incidents
    from retail_anomaly.frames.verdicts import judged_cases, verdict_notes

    if (incidents is None) == (verdicts is None):
        raise UsageError("give the truth: --incidents or --verdicts, one of them")
    if incidents is not None:
        return read_incidents(incidents, privacy=settings.privacy), None
    if alerts is None or verdicts is None:
        raise UsageError("--verdicts goes with --alerts: the alerts that the verdicts are about")
    book = triage(alerts, verdicts, settings=settings)
    truth = judged_cases(book)
    if truth.empty:
        raise UsageError(f"--verdicts {verdicts}: it judges no alert of {alerts}")
    return truth, verdict_notes(book)
