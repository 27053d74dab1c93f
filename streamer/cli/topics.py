"""The command `retail-streamer topics`."""

from typing import Annotated

import typer

from retail_anomaly.core.errors import UsageError
from retail_anomaly.settings import Settings
from streamer.cli.options import Broker, Config, Embedded, Rekey, prepare
from streamer.kafka.connection import Connection


def topics(
    *,
    create: Annotated[
        bool, typer.Option("--create/--check", help="Create the topics that are missing, or only look.")
    ] = False,
    internal: Annotated[
        bool, typer.Option(help="With --create: also create the topics that hold the streamers' state.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, help="Seconds to wait for Kafka and, with --check, for missing topics."),
    ] = 0,
    config: Config = None,
    broker: Broker = None,
    partitions: Annotated[int | None, typer.Option(min=1, help="Partitions per topic.")] = None,
    replication_factor: Annotated[int | None, typer.Option(min=1, help="Copies of each partition.")] = None,
    consumer_group: Annotated[
        str | None,
        typer.Option(
            help="The streamers' consumer group. The topics that hold their state are named after it."
        ),
    ] = None,
    rekey: Rekey = None,
    embedded_broker: Embedded = False,
) -> int:
    """Create the topics, or check them against the configuration.

    The exit code of --check is 0 if all topics are as configured and 1 if one differs.

    Example: retail-streamer topics --create --broker localhost:9092 --partitions 12
    """
    if internal and not create:
        raise UsageError("--internal goes with --create")
    settings, connection = prepare(
        config,
        embedded_broker,
        **{
            "broker": broker,
            "consumer_group": consumer_group,
            "rekey": rekey,
            "topics.partitions": partitions,
            "topics.replication_factor": replication_factor,
        },
    )
    from streamer.kafka.misplaced import misplaced_records
    from streamer.kafka.topic_plan import TopicPlan, topics_of
    from streamer.kafka.topics import check_topics

    plan = TopicPlan.of(settings)
    reports = check_topics(connection, plan, topics_of(settings), create=create, wait=wait)
    for report in reports:
        typer.echo(str(report))
    if not create and any(report.partitions is None for report in reports):
        typer.echo(f"create what is missing: retail-streamer topics --create --broker {connection.broker}")
    trusted = create or settings.streamer.rekey
    misplaced = [] if trusted else misplaced_records(connection, reports, plan.names)
    for line in misplaced:
        typer.echo(str(line))
    if internal:
        _create_internal(settings, connection)
    # --create never changes a topic that exists, so a difference is no failure of it.
    return 0 if create or (all(report.fine for report in reports) and not misplaced) else 1


def _create_internal(settings: Settings, connection: Connection) -> None:
    """Create the topics of the streamers' state. Quix Streams does so when it builds an application."""
    from streamer.observe.quick_import import importing_quix

    with importing_quix():
        from streamer.detection.app import detection_process
        from streamer.detection.returns_app import returns_process
        from streamer.notify.notify_app import notify_process
        from streamer.process import build
        from streamer.quix.failures import explained
        from streamer.store_metrics import store_metrics_process
        from streamer.triage_app import triage_process
    processes = [detection_process(settings), store_metrics_process(settings), triage_process(settings)]
    if settings.streamer.returns:
        processes.append(returns_process(settings))
    if settings.notify.routes:
        processes.append(notify_process(settings, environ=None))
    with explained():
        for process in processes:
            for name in build(process, connection, create_topics=True).internal_topics:
                typer.echo(f"{name}: there")
