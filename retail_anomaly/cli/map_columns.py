"""The command `retail-anomaly mapping`."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.options import TopicName
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import INPUT_TOPICS, POS_EVENTS
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite, write_whole


def mapping(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A table: CSV, Parquet, Excel, JSON lines.")
    ],
    *,
    topic: TopicName = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the draft to this file instead of standard output.")
    ] = None,
) -> None:
    """Write a draft of a mapping, by looking at the columns and the first rows of a table.

    Each line has a comment that says why. Read it, mend it, and give it to the other commands with --mapping.

    Example: retail-anomaly mapping sales.csv --output mapping.yaml
    """
    if topic is not None and topic not in INPUT_TOPICS:
        raise UsageError(f"--topic is one of {', '.join(INPUT_TOPICS)}, not {topic!r}")
    from retail_anomaly.sources.draft import draft_mapping
    from retail_anomaly.sources.places import table_at

    refuse_to_overwrite({"--output": output}, files_of(source))
    text = draft_mapping(table_at(source), topic or POS_EVENTS)
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_whole(output, text)
        typer.echo(f"Written: {output}", err=True)
