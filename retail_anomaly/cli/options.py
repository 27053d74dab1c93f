"""Options and arguments that several commands share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.mapping_file import read_mapping

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
