"""The commands that only look: `retail-streamer status` and `alerts`."""

import os
import sys
from typing import Annotated

import typer

from retail_anomaly.settings import load
from streamer.cli.options import Broker, Config, Embedded, end_quietly, prepare
from streamer.errors import StreamerError
from streamer.kafka.connection import with_quix_names


def status(
    *,
    config: Config = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="The --metrics-port of the process.")
    ] = None,
    address: Annotated[str, typer.Option(help="The machine that the process runs on.")] = "127.0.0.1",
) -> int:
    """Print the state of a running process.

    The exit code is 1 if the process is not ready.

    Example: retail-streamer status --metrics-port 9464
    """
    flags = {"streamer.metrics_port": metrics_port}
    port = load(config, environ=with_quix_names(os.environ), flags=flags).settings.streamer.metrics_port
    if not port:
        raise StreamerError(
            "no port to ask: give the one that the process was started with, as --metrics-port 9464, or its "
            "--config (in a pod of the chart: /etc/retail-anomaly/config.yaml); `retail-streamer lag` asks "
            "Kafka instead"
        )
    from streamer.observe.status import ask

    found = ask(f"http://{address}:{port}")
    typer.echo("\n".join(found.lines()))
    return 0 if found.ready else 1


def alerts(
    *,
    config: Config = None,
    broker: Broker = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Wait for further alerts at the end, until you press Ctrl-C.")
    ] = False,
    embedded_broker: Embedded = False,
) -> None:
    """Print the alerts in Kafka as JSON lines, the oldest first.

    Example: retail-streamer alerts --broker localhost:9092 --follow
    """
    end_quietly()
    settings, connection = prepare(config, embedded_broker, broker=broker)
    from retail_anomaly.core.events import ALERTS
    from streamer.kafka import tail
    from streamer.kafka.topic_plan import TopicNames

    topic = TopicNames.of_settings(settings).of(ALERTS)
    for alert in tail.alerts(connection.properties(), topic, follow=follow):
        sys.stdout.buffer.write(alert + b"\n")
        sys.stdout.buffer.flush()
