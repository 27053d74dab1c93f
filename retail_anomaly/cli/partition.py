"""The command `retail-anomaly partition`."""

from typing import Annotated

import typer

from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, TopicName, mapping_of
from retail_anomaly.core.quantities import plural


def partition(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Tables, logs or folders, as for replay; one or several."),
    ],
    *,
    out: Annotated[
        str, typer.Option(help="An empty folder, or an address such as s3://bucket/history, for the buckets.")
    ],
    buckets: Annotated[
        int,
        typer.Option(
            min=1, max=65_536, help="Number of buckets: four or more for each core that will replay."
        ),
    ],
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    config: ConfigFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a line or row could not be read.")
    ] = False,
) -> int:
    """Divide history into buckets of stores, which several machines then replay side by side.

    Example: retail-anomaly partition sales.parquet --mapping mapping.yaml --out history --buckets 64
    """
    from retail_anomaly.cli.closing import say_how_read, strict_code
    from retail_anomaly.settings import load
    from retail_anomaly.sources.bucket_writer import write_buckets
    from retail_anomaly.sources.loaded import Events

    settings = load(config).settings
    events = Events(sources, topic, mapping_of(mapping, columns), settings.zones, settings.privacy)
    written = write_buckets(events.read(show=lambda line: typer.echo(str(line), err=True)), out, buckets)
    typer.echo(
        f"Written: {out} ({plural(written.events, 'event')} of {plural(written.stores, 'store')} in "
        f"{plural(buckets, 'bucket')})",
        err=True,
    )
    say_how_read([*events.notes, *events.hints], events.unread)
    return strict_code(events.unread.count) if strict else 0
