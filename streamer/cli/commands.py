"""The command `retail-streamer`."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Never

import structlog
import typer

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.settings import Settings, load
from streamer.errors import StreamerError
from streamer.kafka import tail
from streamer.kafka.connection import Connection, resolve, with_quix_names
from streamer.kafka.offsets import GroupOffsets
from streamer.kafka.topic_plan import topics_of
from streamer.kafka.topics import TopicPlan, check_topics
from streamer.observe import logs
from streamer.observe.heap_memory import share_heaps

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The detectors on Kafka. How to be let in comes from the environment: KAFKA_SECURITY_PROTOCOL, "
    "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD, KAFKA_SSL_CA_LOCATION and others.",
)

Config = Annotated[Path | None, typer.Option(help="A YAML file; what it leaves out has defaults.")]
Broker = Annotated[str | None, typer.Option(help="Kafka: host:port, several separated by commas.")]
Group = Annotated[str | None, typer.Option(help="Streamers of one group share the stores.")]
StateDir = Annotated[str | None, typer.Option(help="Folder of the local state.")]
Rekey = Annotated[
    bool | None, typer.Option("--rekey/--no-rekey", help="Accept messages not keyed by their store.")
]
ExactlyOnce = Annotated[
    bool | None,
    typer.Option("--exactly-once/--at-least-once", help="With exactly-once output waits for commits."),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(min=0, max=65_535, help="Serve /metrics, /healthz and /readyz on this port; 0: don't."),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(envvar=logs.VARIABLE, help="What is less important is not logged."),
]
Embedded = Annotated[
    bool, typer.Option("--embedded-broker", help="The broker is the demo's own, not a Kafka.")
]
# What typer raises for a command line it does not understand; it has no public name.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]


@app.command()
def run(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    state_dir: StateDir = None,
    rekey: Rekey = None,
    exactly_once: ExactlyOnce = None,
    detectors: Annotated[
        str | None, typer.Option(help="Names separated by commas: run these and no others.")
    ] = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Read the four topics and write alerts, until SIGTERM or Ctrl-C.

    Example: retail-streamer run --config config.yaml --broker localhost:9092
    """
    _end_quietly()  # until Quix runs, which then finishes what it has begun
    logs.configure(log_level)
    settings, connection = _prepare(
        config,
        embedded_broker,
        broker=broker,
        consumer_group=consumer_group,
        state_dir=state_dir,
        rekey=rekey,
        processing_guarantee=_guarantee(exactly_once),
        metrics_port=metrics_port,
    )
    only = None if detectors is None else [name.strip() for name in detectors.split(",")]
    # Imported here: Quix takes a second that --help and topics need not.
    with logs.without_httpx_notice():
        from streamer import process
        from streamer.detection.app import detection_process
    return process.run(detection_process(settings, only), connection)


@app.command()
def metrics(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamer's group; -metrics is added to it.")
    ] = None,
    state_dir: StateDir = None,
    rekey: Rekey = None,
    exactly_once: ExactlyOnce = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Sum up sales and refunds by store and interval into the topic store-metrics.

    Example: retail-streamer metrics --broker localhost:9092
    """
    _end_quietly()
    logs.configure(log_level)
    settings, connection = _prepare(
        config,
        embedded_broker,
        broker=broker,
        consumer_group=consumer_group,
        state_dir=state_dir,
        rekey=rekey,
        processing_guarantee=_guarantee(exactly_once),
        metrics_port=metrics_port,
    )
    with logs.without_httpx_notice():
        from streamer import process, store_metrics
    return process.run(store_metrics.store_metrics_process(settings), connection)


@app.command()
def sink(
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Only see whether InfluxDB would take writes; exit code 1 if not.")
    ] = False,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamer's group; -sink is added to it.")
    ] = None,
    metrics_port: MetricsPort = None,
    log_level: LogLevel = "info",
    embedded_broker: Embedded = False,
) -> int:
    """Write alerts and store metrics to InfluxDB, until SIGTERM or Ctrl-C.

    Which InfluxDB comes from the environment alone: INFLUXDB_URL, INFLUXDB_TOKEN, INFLUXDB_BUCKET,
    INFLUXDB_ORG (version 2) and INFLUXDB_SSL_CA_CERT (an authority of one's own).

    Example: retail-streamer sink --check && retail-streamer sink --broker localhost:9092
    """
    _end_quietly()
    settings, connection = _prepare(
        config, embedded_broker, broker=broker, consumer_group=consumer_group, metrics_port=metrics_port
    )
    if not check:
        logs.configure(log_level)
    with logs.without_httpx_notice():
        from streamer import process
        from streamer.sinks import sink_app as sinks
    if check:
        typer.echo(sinks.check_influx(settings, os.environ))
        return 0
    return process.run(sinks.sink_process(settings, os.environ), connection)


@app.command()
def topics(
    *,
    create: Annotated[
        bool, typer.Option("--create/--check", help="Create what is missing, or only look.")
    ] = False,
    internal: Annotated[
        bool, typer.Option(help="With --create: also the topics that hold the streamers' state.")
    ] = False,
    wait: Annotated[
        float,
        typer.Option(min=0, help="Seconds to wait for Kafka and, with --check, for missing topics."),
    ] = 0,
    config: Config = None,
    broker: Broker = None,
    partitions: Annotated[int | None, typer.Option(min=1, help="Of each topic.")] = None,
    replication_factor: Annotated[int | None, typer.Option(min=1, help="Copies of each partition.")] = None,
    consumer_group: Annotated[
        str | None, typer.Option(help="The streamers' group; their state's topics bear its name.")
    ] = None,
    rekey: Rekey = None,
    embedded_broker: Embedded = False,
) -> int:
    """Create the topics or say what differs; exit code of --check: 0 all as configured, 1 something differs.

    Example: retail-streamer topics --create --broker localhost:9092 --partitions 12
    """
    if internal and not create:
        raise typer.BadParameter("--internal goes with --create")
    settings, connection = _prepare(
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
    reports = check_topics(connection, TopicPlan.of(settings), topics_of(settings), create=create, wait=wait)
    for report in reports:
        typer.echo(str(report))
    if not create and any(report.partitions is None for report in reports):
        typer.echo(f"create what is missing: retail-streamer topics --create --broker {connection.broker}")
    if internal:
        _create_internal(settings, connection)
    # What exists is never changed: creating has done its work although something may differ.
    return 0 if create or all(report.fine for report in reports) else 1


@app.command()
def lag(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds to wait until there is no lag; exit code 1 if it stays."),
    ] = None,
    embedded_broker: Embedded = False,
) -> int:
    """Print by topic how many records the streamers have not processed and committed yet, as JSON.

    Example: retail-streamer lag --broker localhost:9092
    """
    settings, connection = _prepare(config, embedded_broker, broker=broker, consumer_group=consumer_group)
    with GroupOffsets(connection.properties(), settings.streamer.consumer_group) as offsets:
        found = offsets.lag() if wait is None else offsets.wait(wait)
    typer.echo(json.dumps(found))
    return 1 if wait is not None and any(found.values()) else 0


@app.command()
def status(
    *,
    config: Config = None,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65_535, help="The port that the process was started with.")
    ] = None,
    address: Annotated[str, typer.Option(help="The machine that it runs on.")] = "127.0.0.1",
) -> int:
    """Print what a running process says of itself; exit code 1 if it is not ready.

    Example: retail-streamer status --metrics-port 9464
    """
    flags = {"streamer.metrics_port": metrics_port}
    port = load(config, environ=with_quix_names(os.environ), flags=flags).settings.streamer.metrics_port
    if not port:
        raise StreamerError(
            "no port to ask: start a process with --metrics-port 9464 and ask with the same; "
            "`retail-streamer lag` asks Kafka instead"
        )
    from streamer.observe.status import ask

    found = ask(f"http://{address}:{port}")
    typer.echo("\n".join(found.lines()))
    return 0 if found.ready else 1


@app.command()
def skip(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    embedded_broker: Embedded = False,
) -> int:
    """Let a new consumer group begin with what comes from now on, and leave out what is there.

    Example: retail-streamer skip --broker localhost:9092 --consumer-group trial-2
    """
    settings, connection = _prepare(config, embedded_broker, broker=broker, consumer_group=consumer_group)
    group = settings.streamer.consumer_group
    with GroupOffsets(connection.properties(), group) as offsets:
        offsets.skip_to_end()
    typer.echo(f"consumer group {group} begins at the present end of {', '.join(INPUT_TOPICS)}")
    return 0


@app.command()
def state(
    *,
    config: Config = None,
    consumer_group: Group = None,
    state_dir: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every store.")] = False,
) -> int:
    """Print what a stopped streamer remembers on disk: entries, bytes and age by detector.

    Ages are in event time, before the newest event of the store. Nothing is changed and no broker is needed.

    Example: retail-streamer state --state-dir state --consumer-group retail-anomaly
    """
    from streamer.detection.state_files import read_state

    flags = {"streamer.consumer_group": consumer_group, "streamer.state_dir": state_dir}
    settings = load(config, environ=with_quix_names(os.environ), flags=flags).settings.streamer
    report = read_state(Path(settings.state_dir), settings.consumer_group)
    if as_json:
        typer.echo(json.dumps(report.content()))
    else:
        typer.echo("\n".join(report.lines()))
    return 0


@app.command()
def alerts(
    *,
    config: Config = None,
    broker: Broker = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes, until stopped.")] = False,
    embedded_broker: Embedded = False,
) -> int:
    """Print the alerts in Kafka as JSON lines, from the first on.

    Example: retail-streamer alerts --broker localhost:9092 --follow
    """
    _end_quietly()
    _, connection = _prepare(config, embedded_broker, broker=broker)
    for alert in tail.alerts(connection.properties(), follow=follow):
        sys.stdout.buffer.write(alert + b"\n")
        sys.stdout.buffer.flush()
    return 0


@app.command()
def broker() -> int:
    """Run the demo's broker until stopped; the first line it prints is its address.

    It is librdkafka's mock cluster: in memory, on the loopback interface, for a demo and nothing more.

    Example: retail-streamer broker
    """
    _end_quietly()
    from streamer.kafka.embedded_broker import EmbeddedBroker

    with EmbeddedBroker() as embedded:
        typer.echo(embedded.address)
        while True:
            signal.pause()


def _end_quietly() -> None:
    """End with exit code 0 when asked to: there is nothing to finish."""

    def end(*_: object) -> Never:
        sys.exit(0)

    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, end)


def _create_internal(settings: Settings, connection: Connection) -> None:
    """Create the topics of the streamers' state: Quix does so when an application is built."""
    with logs.without_httpx_notice():
        from streamer.detection.app import detection_process
        from streamer.process import build
        from streamer.quix.failures import explained
        from streamer.store_metrics import store_metrics_process
    with explained():
        for process in (detection_process(settings), store_metrics_process(settings)):
            for name in build(process, connection, create_topics=True).internal_topics:
                typer.echo(f"{name}: there")


def _prepare(config: Path | None, embedded: bool, **flags: Any) -> tuple[Settings, Connection]:
    """Load the settings and decide where to connect; `flags` are keys of the section `streamer`."""
    share_heaps()
    loaded = load(
        config,
        environ=with_quix_names(os.environ),
        flags={f"streamer.{key}": value for key, value in flags.items()},
    )
    connection = resolve(
        loaded.settings.streamer.broker,
        os.environ,
        named=loaded.sources["streamer.broker"] != "default",
        embedded=embedded,
    )
    return loaded.settings, connection


def _guarantee(exactly_once: bool | None) -> str | None:
    if exactly_once is None:
        return None
    return "exactly-once" if exactly_once else "at-least-once"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["topics", "--partitions", "0"])
    2
    """
    try:
        result = app(args=arguments, prog_name="retail-streamer", standalone_mode=False)
    except _USAGE_ERROR as error:
        return _fail(f"{_text(error)} (see retail-streamer --help)", 2)
    except UsageError as error:
        return _fail(str(error), error.exit_code)
    except RetailAnomalyError as error:
        return _fail(str(error), error.exit_code, error)
    except (typer.Abort, KeyboardInterrupt):
        return _fail("stopped before it was running", 1)
    except Exception as error:  # noqa: BLE001 - a user gets one line, whatever went wrong
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"{said}: --log-level debug shows where; please report it", 1, error)
    return result if isinstance(result, int) else 0


def _text(error: Exception) -> str:
    text = error.format_message() if hasattr(error, "format_message") else str(error)
    return " ".join(text.split()).removesuffix(".")


def _fail(message: str, code: int, error: Exception | None = None) -> int:
    if logs.is_configured() and not sys.stderr.isatty():
        # Whoever collects the log as JSON gets the reason for its end in the same form.
        log = structlog.stdlib.get_logger("retail-streamer")
        log.debug("traceback", exc_info=error)
        log.error(message)
    else:
        typer.echo(f"retail-streamer: {message}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
