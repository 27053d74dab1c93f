"""The command `retail-anomaly explain`."""

from typing import Annotated

import typer

from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, TopicName, mapping_of, names_in


def explain(
    transaction: Annotated[str, typer.Argument(metavar="TRANSACTION", help="The number of the receipt.")],
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOG...", help="Tables, logs or folders, as for replay; one or several."),
    ],
    *,
    store: Annotated[str | None, typer.Option(help="Its store, if several stores have that number.")] = None,
    detectors: Annotated[
        str | None, typer.Option(help="Ask only these detectors, comma-separated, such as refund_burst.")
    ] = None,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    config: ConfigFile = None,
) -> None:
    """Say what each detector made of a receipt, and how far it was from an alert.

    Example: retail-anomaly explain 1005 receipts.csv --mapping mapping.yaml
    """
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.evaluate.explain import explain as explained
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events

    settings = load(config).settings
    events = Events(logs, topic, mapping_of(mapping, columns), settings.zones, settings.privacy)
    said = explained(transaction, events, store_id=store, settings=settings, detectors=names_in(detectors))
    typer.echo(str(said))
    say_how_read(events.notes, events.unread)
