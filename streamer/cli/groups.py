"""The commands about a consumer group's position in the topics: `retail-streamer lag` and `skip`."""

import json
from typing import Annotated

import typer

from streamer.cli.options import Broker, Config, Embedded, Group, prepare


def lag(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=0, help="Wait up to this many seconds until the lag is 0; exit with 1 if it is not."
        ),
    ] = None,
    embedded_broker: Embedded = False,
) -> int:
    """Print the lag of each topic as JSON.

    The lag is the number of records that the streamers have not processed and committed yet. Records behind
    an open transaction can't be read; a line on standard error tells of them.

    Example: retail-streamer lag --broker localhost:9092
    """
    settings, connection = prepare(config, embedded_broker, broker=broker, consumer_group=consumer_group)
    from streamer.kafka.offsets import GroupOffsets
    from streamer.kafka.topic_plan import TopicNames

    topics = TopicNames.of_settings(settings).inputs
    with GroupOffsets(connection.properties(), settings.streamer.consumer_group, topics) as offsets:
        found = offsets.lag() if wait is None else offsets.wait(wait)
        hidden = offsets.hidden()
    typer.echo(json.dumps(found))
    for (topic, number), count in sorted(hidden.items()):
        typer.echo(
            f"{topic}[{number}]: an open transaction holds up {count} records, and with them its partition "
            "in every topic; it ends with its producer, after transaction.timeout.ms, or by "
            "kafka-transactions.sh abort",
            err=True,
        )
    return 1 if wait is not None and any(found.values()) else 0


def skip(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    embedded_broker: Embedded = False,
) -> None:
    """Let a new consumer group start at the end of the topics.

    Without this command it starts at their beginning and raises alerts about the past.

    Example: retail-streamer skip --broker localhost:9092 --consumer-group trial-2
    """
    settings, connection = prepare(config, embedded_broker, broker=broker, consumer_group=consumer_group)
    from streamer.kafka.offsets import GroupOffsets
    from streamer.kafka.topic_plan import TopicNames

    topics = TopicNames.of_settings(settings).inputs
    group = settings.streamer.consumer_group
    with GroupOffsets(connection.properties(), group, topics) as offsets:
        offsets.skip_to_end()
    typer.echo(f"consumer group {group} begins at the present end of {', '.join(topics)}")
