"""`retail-streamer sink`: alerts, the stores' figures and the models' scores from Kafka to InfluxDB."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from confluent_kafka import KafkaError, Message
from msgspec import structs
from quixstreams import Application
from quixstreams.kafka import Producer
from quixstreams.models import TopicManager

from retail_anomaly.core.codec import DeadLetter, encode
from retail_anomaly.core.events import DEAD_LETTERS
from retail_anomaly.settings import Settings
from streamer.detection.app import new_application, raw_topic
from streamer.errors import StreamerError
from streamer.kafka.connection import Connection
from streamer.kafka.topics import TopicPlan, ensure_topics
from streamer.observe.counts import ProcessCounts
from streamer.observe.health import observed
from streamer.observe.metrics import Metrics
from streamer.quix.topic_manager import topic_manager
from streamer.sinks.influx import Influx, Target, UnavailableError
from streamer.sinks.points import sink_topics
from streamer.sinks.sink import InfluxSink

_FLUSH_SECONDS: Final = 30.0
_AHEAD_KB: Final = 1_024
_log = structlog.stdlib.get_logger("retail-streamer")


class DeadLetterProducer:
    """Produces dead letters and waits for Kafka's acknowledgement.

    Parameters
    ----------
    producer
        Quix's, outside of any transaction.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._errors: list[KafkaError] = []

    def __call__(self, letters: Sequence[tuple[bytes | None, DeadLetter]]) -> None:
        """Produce dead letters, each with its record's key.

        Raises
        ------
        StreamerError
            Kafka did not acknowledge them all.
        """
        self._errors.clear()
        for key, letter in letters:
            self._producer.produce(DEAD_LETTERS, encode(letter), key, on_delivery=self._delivered)
        unsent = self._producer.flush(_FLUSH_SECONDS)
        if unsent or self._errors:
            why = self._errors[0].str() if self._errors else f"no answer in {_FLUSH_SECONDS:.0f} s"
            raise StreamerError(
                f"Kafka does not take dead letters ({why}): look at topic {DEAD_LETTERS}, then start the sink "
                "again; it goes on where it stopped"
            )

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._errors.append(error)


def sink_group(settings: Settings) -> str:
    """Return the consumer group of the sink, beside the streamer's own.

    Examples
    --------
    >>> sink_group(Settings())
    'retail-anomaly-sink'
    """
    return f"{settings.streamer.consumer_group}-sink"


def build_sink_app(
    settings: Settings,
    *,
    connection: Connection,
    topic_manager: TopicManager | None,
    influx: Influx,
    tally: ProcessCounts,
) -> Application:
    """Build the application that writes to InfluxDB; the broker is asked for its topics.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-sink`` at its end.
    connection
        The broker.
    topic_manager
        Looks topics up.
    influx
        Where to write.
    tally
        Counts what is done.

    Returns
    -------
    Application
        Ready for `run`.
    """
    streamer = settings.streamer
    own = structs.replace(
        settings,
        streamer=structs.replace(
            streamer,
            consumer_group=sink_group(settings),
            # The database is outside of Kafka's transactions; a point that is written twice is one point.
            processing_guarantee="at-least-once",
            commit_interval=streamer.sink.interval,
        ),
    )
    app = new_application(
        own,
        connection=connection,
        topic_manager=topic_manager,
        tally=tally,
        commit_every=streamer.sink.batch,
        # InfluxDB is slower than Kafka: a backlog waits there, not in this process.
        ahead_kb=_AHEAD_KB,
    )
    sink = InfluxSink(
        influx, bury=DeadLetterProducer(app.get_producer()), observer=tally, batch=streamer.sink.batch
    )
    for name in sink_topics(settings):
        app.dataframe(raw_topic(app, name)).sink(sink)
    return app


def run_sink(settings: Settings, *, connection: Connection, environ: Mapping[str, str]) -> int:
    """Write alerts and figures to InfluxDB until SIGTERM or SIGINT; return the exit code.

    Parameters
    ----------
    settings
        The settings.
    connection
        The broker.
    environ
        Names and values, as `os.environ` has them; where to write stands there alone.

    Raises
    ------
    StreamerError
        InfluxDB or the broker is not as it must be.
    """
    target = Target.of(environ)
    create = settings.streamer.manage_topics
    if connection.broker is not None:
        ensure_topics(
            connection, TopicPlan.of(settings), (*sink_topics(settings), DEAD_LETTERS), create=create
        )
    influx = Influx(target, settings.streamer.sink.timeout)
    metrics = Metrics("sink", sink_group(settings))
    app = build_sink_app(
        settings,
        connection=connection,
        topic_manager=topic_manager(connection, sink_group(settings), create=create),
        influx=influx,
        tally=metrics,
    )
    _log.info("starting", broker=connection.broker, consumer_group=sink_group(settings), influxdb=target.url)
    try:
        with observed(app, metrics, settings.streamer):
            app.run()
    finally:
        influx.close()
    metrics.log_stop()
    return 0


def check_influx(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return a line that says that InfluxDB will take writes; nothing is written.

    Parameters
    ----------
    settings
        The settings.
    environ
        Names and values, as `os.environ` has them.

    Raises
    ------
    StreamerError
        It won't; the message says what is wrong.
    """
    target = Target.of(environ)
    influx = Influx(target, settings.streamer.sink.timeout)
    try:
        influx.check()
    except UnavailableError as error:
        raise StreamerError(str(error)) from None
    finally:
        influx.close()
    return f"InfluxDB at {target.url} takes writes to bucket {target.bucket!r}"
