"""The process `sink`: alerts, cases, store metrics and scores from Kafka to InfluxDB."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Final

from confluent_kafka import KafkaError, Message
from quixstreams.kafka import Producer

from retail_anomaly.core.events import DEAD_LETTERS
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.settings import Settings
from streamer.errors import StreamerError
from streamer.kafka.record_limits import USUAL, encoded_within
from streamer.kafka.topic_plan import TopicNames
from streamer.observe.background import Background
from streamer.process import QuixProcess, Wiring, settings_of
from streamer.quix.application import raw_topic
from streamer.quix.membership import MemberApplication
from streamer.sinks.influx_answers import RefusedError, TooLargeError, UnavailableError
from streamer.sinks.influx_client import CHECK_POINTS, Influx
from streamer.sinks.influx_sink import InfluxSink
from streamer.sinks.influx_target import Target
from streamer.sinks.points import sink_topics

_FLUSH_SECONDS: Final = 30.0
_KEY_BYTES: Final = 4_096
# InfluxDB is slower than Kafka: a backlog waits in Kafka, not in this process.
_AHEAD_KB: Final = 1_024


class DeadLetterProducer:
    """Produces dead letters and waits for Kafka's acknowledgement.

    Parameters
    ----------
    producer
        The application's, outside of any transaction.
    most
        Bytes of the largest value that the topic takes.
    topic
        The name of the topic of dead letters in Kafka.
    """

    def __init__(self, producer: Producer, most: int = USUAL, topic: str = DEAD_LETTERS) -> None:
        self._producer = producer
        self._topic = topic
        self._most = most
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
            short = key if key is not None and len(key) <= _KEY_BYTES else None
            written = encoded_within(letter, self._most)
            self._producer.produce(self._topic, written, short, on_delivery=self._delivered)
        unsent = self._producer.flush(_FLUSH_SECONDS)
        if unsent or self._errors:
            why = self._errors[0].str() if self._errors else f"no answer in {_FLUSH_SECONDS:.0f} s"
            raise StreamerError(
                f"Kafka does not take dead letters ({why}): look at topic {self._topic}, then start the "
                "sink again; it goes on where it stopped"
            )

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._errors.append(error)


def sink_process(settings: Settings, environ: Mapping[str, str]) -> QuixProcess:
    """Declare the process that writes to InfluxDB.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-sink`` at its end.
    environ
        Names and values, as `os.environ` has them. InfluxDB's address and token come from there alone.

    Raises
    ------
    StreamerError
        The environment does not name an InfluxDB.

    Examples
    --------
    >>> influx = {"INFLUXDB_URL": "http://localhost:8086", "INFLUXDB_TOKEN": "t", "INFLUXDB_BUCKET": "retail"}
    >>> sink_process(Settings(), influx).group
    'retail-anomaly-sink'
    """
    streamer = settings.streamer
    target = Target.of(environ)
    influx = Influx(target, streamer.sink.timeout)
    names = TopicNames.of_settings(settings)
    topics, letters = names.all(sink_topics(settings)), names.of(DEAD_LETTERS)

    def define(app: MemberApplication, wiring: Wiring) -> None:
        app.at_stop(influx.stop_soon)
        bury = DeadLetterProducer(app.get_producer(), wiring.topics.limits.value_bytes(letters), letters)
        sink = InfluxSink(
            influx, bury=bury, observer=wiring.counts, batch=streamer.sink.batch, plain=names.plain
        )
        for name in topics:
            app.dataframe(raw_topic(app, name)).sink(sink)

    return QuixProcess(
        name="sink",
        settings=settings_of(
            settings,
            consumer_group=f"{streamer.consumer_group}-sink",
            # InfluxDB is outside of Kafka's transactions, and a point that is written twice is one point.
            processing_guarantee="at-least-once",
            commit_interval=streamer.sink.interval,
        ),
        inputs=topics,
        outputs=(letters,),
        define=define,
        has_state=False,
        commit_every=streamer.sink.batch,
        ahead_kb=_AHEAD_KB,
        beside=lambda _connection: _closing(influx),
        about={"influxdb": target.url},
    )


@contextmanager
def _closing(influx: Influx) -> Iterator[Sequence[Background]]:
    with closing(influx):
        yield ()


def check_influx(settings: Settings, environ: Mapping[str, str]) -> str:
    """Write a point, read it back, and return a line that says so, or that it could not be read.

    Parameters
    ----------
    settings
        The settings.
    environ
        Names and values, as `os.environ` has them.

    Raises
    ------
    StreamerError
        It does not take writes; the message names the cause.
    """
    target = Target.of(environ)
    influx = Influx(target, settings.streamer.sink.timeout)
    try:
        unread = influx.check_and_read()
    except (UnavailableError, TooLargeError) as error:
        raise StreamerError(str(error)) from None
    except RefusedError as error:
        raise StreamerError(
            f"InfluxDB at {target.url} refuses a point of measurement {CHECK_POINTS!r} ({error}): look at "
            "the bucket's retention, and at the type of its field"
        ) from None
    finally:
        influx.close()
    outcome = (
        f"not verified: the point can't be read back ({unread})"
        if unread
        else "a point was written and read back"
    )
    return f"InfluxDB at {target.url} takes writes to bucket {target.bucket!r}; {outcome}"
