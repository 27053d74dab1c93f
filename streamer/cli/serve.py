"""The commands that run until they are stopped: `run`, `metrics`, `triage`, `notify`, `returns`, `sink`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from retail_anomaly.cli.options import names_in
from retail_anomaly.core.extras import require
from streamer.cli.options import (
    Broker,
    Config,
    Embedded,
    ExactlyOnce,
    Group,
    LogLevel,
    MetricsPort,
    Rekey,
    StateDir,
    end_quietly,
    guarantee,
    prepare,
)

if TYPE_CHECKING:
    from retail_anomaly.settings import Settings
    from streamer.process import QuixProcess

Declare: TypeAlias = "Callable[[Settings], QuixProcess]"


def run(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    state_dir: StateDir = None,
    rekey: Rekey = None,
    exactly_once: ExactlyOnce = None,
    detectors: Annotated[
        str | None, typer.Option(help="Run only these detectors, comma-separated, such as refund_burst.")
    ] = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Read the topics of events and write alerts, until SIGTERM or Ctrl-C.

    Example: retail-streamer run --config config.yaml --broker localhost:9092
    """

    def load() -> Declare:
        from streamer.detection.app import detection_process

        return lambda settings: detection_process(settings, names_in(detectors))

    return _serve(
        load,
        config,
        embedded_broker,
        log_level,
        broker=broker,
        consumer_group=consumer_group,
        state_dir=state_dir,
        rekey=rekey,
        processing_guarantee=guarantee(exactly_once),
        metrics_port=metrics_port,
    )


def metrics(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamer's consumer group. This process joins GROUP-metrics.")
    ] = None,
    state_dir: StateDir = None,
    rekey: Rekey = None,
    exactly_once: ExactlyOnce = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Sum up sales and refunds for the topic store-metrics.

    Each record of the topic has the sums of one store in one interval. Runs until SIGTERM or Ctrl-C.

    Example: retail-streamer metrics --broker localhost:9092
    """

    def load() -> Declare:
        from streamer.store_metrics import store_metrics_process

        return store_metrics_process

    return _serve(
        load,
        config,
        embedded_broker,
        log_level,
        broker=broker,
        consumer_group=consumer_group,
        state_dir=state_dir,
        rekey=rekey,
        processing_guarantee=guarantee(exactly_once),
        metrics_port=metrics_port,
    )


def _after_detection(name: str, load: Callable[[], Declare], doc: str) -> Callable[..., int]:
    """Return the command of a process that keeps state and reads topics with stores as their keys."""

    def command(
        *,
        config: Config = None,
        broker: Broker = None,
        consumer_group: Annotated[
            str | None,
            typer.Option(help=f"The streamer's consumer group. This process joins GROUP-{name}."),
        ] = None,
        state_dir: StateDir = None,
        exactly_once: ExactlyOnce = None,
        metrics_port: MetricsPort = None,
        log_level: LogLevel = "info",
        embedded_broker: Embedded = False,
    ) -> int:
        return _serve(
            load,
            config,
            embedded_broker,
            log_level,
            broker=broker,
            consumer_group=consumer_group,
            state_dir=state_dir,
            processing_guarantee=guarantee(exactly_once),
            metrics_port=metrics_port,
        )

    command.__name__, command.__doc__ = name, doc
    return command


def _triage() -> Declare:
    from streamer.triage_app import triage_process

    return triage_process


def _returns() -> Declare:
    from streamer.detection.returns_app import returns_process

    return returns_process


triage = _after_detection(
    "triage",
    _triage,
    """Gather alerts in cases, apply the decisions about them, and write the topic alert-cases.

    Runs until SIGTERM or Ctrl-C. Decisions come from the topic alert-actions, to which the board of
    `retail-anomaly review --broker` writes.

    Example: retail-streamer triage --broker localhost:9092
    """,
)
returns = _after_detection(
    "returns",
    _returns,
    """Compare refunds that name a receipt of another store with that receipt, and write alerts.

    Runs until SIGTERM or Ctrl-C. Each such refund goes through the topic store-returns, keyed by the store of
    the receipt. The tills send originalStoreId and originalTransactionId.

    Example: retail-streamer returns --broker localhost:9092
    """,
)


def sink(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only write a point into a measurement of its own and read it back; exit with 1 if InfluxDB "
            "does not take it.",
        ),
    ] = False,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamer's consumer group. This process joins GROUP-sink.")
    ] = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Write alerts, cases, scores and store metrics to InfluxDB.

    Runs until SIGTERM or Ctrl-C. Environment variables name the InfluxDB: INFLUXDB_URL, INFLUXDB_TOKEN,
    INFLUXDB_BUCKET, INFLUXDB_ORG (version 2) and INFLUXDB_SSL_CA_CERT (a certificate authority of your own).

    Example: retail-streamer sink --check && retail-streamer sink --broker localhost:9092
    """
    given = {"broker": broker, "consumer_group": consumer_group, "metrics_port": metrics_port}

    def load() -> Declare:
        from streamer.sinks.sink_app import sink_process

        return lambda settings: sink_process(settings, os.environ)

    if not check:
        return _serve(load, config, embedded_broker, log_level, **given)
    _begin()
    from streamer.observe.quick_import import importing_quix

    settings, _ = prepare(config, embedded_broker, **given)
    with importing_quix():
        from streamer.sinks.sink_app import check_influx
    typer.echo(check_influx(settings, os.environ))
    return 0


def notify(
    *,
    test: Annotated[
        str | None,
        typer.Option(
            "--test",
            metavar="ROUTE",
            help="Only send a message on this route that says it is a test; exit with 1 if the service "
            "does not take it.",
        ),
    ] = None,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamer's consumer group. This process joins GROUP-notify.")
    ] = None,
    state_dir: StateDir = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Tell people of alerts by Slack, Teams, e-mail, PagerDuty and webhooks, as notify.routes says.

    Runs until SIGTERM or Ctrl-C. The routes name the environment variables with the addresses and keys.

    Example: retail-streamer notify --config config.yaml --test duty
    """
    given = {"broker": broker, "consumer_group": consumer_group, "metrics_port": metrics_port}

    def load() -> Declare:
        from streamer.notify.notify_app import notify_process

        return lambda settings: notify_process(settings, os.environ)

    if test is None:
        return _serve(load, config, embedded_broker, log_level, **given, state_dir=state_dir)
    _begin()
    settings, _ = prepare(config, embedded_broker, **given)
    from streamer.notify.trial import send_trial

    typer.echo(send_trial(settings, os.environ, test))
    return 0


def _serve(
    load: Callable[[], Declare], config: Path | None, embedded: bool, log_level: str, **given: Any
) -> int:
    """Run a process until it is stopped; `load` imports it and returns what declares it from settings."""
    _begin()
    from streamer.observe import logs
    from streamer.observe.quick_import import importing_quix

    logs.configure(log_level)
    settings, connection = prepare(config, embedded, **given)
    with importing_quix():
        from streamer import process

        declare = load()
    return process.run(declare(settings), connection)


def _begin() -> None:
    end_quietly()
    # Before anything else is imported: of all that the extra brings, this is the name that says most.
    require("quixstreams")
