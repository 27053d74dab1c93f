"""The command `retail-anomaly drift`."""

from typing import Annotated

import typer

from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, TopicName, mapping_of


def drift(
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOG...", help="Tables, logs or folders, as for replay; one or several."),
    ],
    *,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    config: ConfigFile = None,
) -> None:
    """Check whether the ranks of the models still mean the share that they promise.

    It prints how far the ranks of each store are from uniform, the components that fire most, and the levels
    that the models accepted as the new normal.

    Example: retail-anomaly drift out/events.jsonl
    """
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.evaluate.drift import drift as drifted
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events

    settings = load(config).settings
    events = Events(logs, topic, mapping_of(mapping, columns), settings.zones, settings.privacy)
    for line in drifted(events, settings=settings).lines():
        typer.echo(line)
    say_how_read(events.notes, events.unread)
