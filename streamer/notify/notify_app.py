"""The process `notify`: alerts become messages to the people whom the routes name.

An alert is decided on when its record is processed: a message to go out now, or one that waits in the state
of its store. The couriers deliver beside the poll loop. Once a message has arrived, the state notes it and is
committed at once, so a crash repeats no more than the messages that were on their way.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeAlias

from confluent_kafka import KafkaException, Producer
from quixstreams import message_context
from quixstreams.dataframe import StreamingDataFrame
from quixstreams.models import Topic

from retail_anomaly.cases import Action
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import ALERTS, DEAD_LETTERS
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent, InvalidKind
from retail_anomaly.notifications import AlertNote, AlertPlace, Notifier
from retail_anomaly.settings import NO_PSEUDONYMS, PrivacySettings, Settings
from retail_anomaly.settings.notify_settings import notifier_of
from streamer.detection.detecting import wall_clock
from streamer.detection.live_state import LiveState
from streamer.kafka.connection import Connection
from streamer.kafka.placing import Placing
from streamer.kafka.record_limits import USUAL
from streamer.kafka.topic_plan import ALERT_ACTIONS, NOTIFIED, NOTIFY_TICKS, TopicNames
from streamer.notify.addresses import route_addresses
from streamer.notify.courier import Courier, Couriers, Parcel
from streamer.notify.delivery import Carrier, carrier_of
from streamer.observe.background import Background
from streamer.observe.counts import ProcessCounts
from streamer.observe.metrics import Metrics
from streamer.process import QuixProcess, Wiring, settings_of
from streamer.quix.application import encoding_topic, raw_topic
from streamer.quix.checkpoints import commit_soon
from streamer.quix.commit_step import CommitStep
from streamer.quix.ends import name_of, send, short_key, writable
from streamer.quix.membership import MemberApplication
from streamer.triage_app import reader_for_triage

OUTCOMES: Final = ("sent", "held", "failed", "given up")
_FLUSH_SECONDS: Final = 5.0
_TICK: Final = object()
Decoded: TypeAlias = "Alert | Action | DeadLetter | object"


class Notification:
    """Takes the records of the process: decides, hands messages to the couriers, notes their outcomes.

    Parameters
    ----------
    notifier
        Decides.
    state
        The stores' memories.
    couriers
        Deliver.
    counts
        Counts the messages.
    commit
        Has the open checkpoint committed soon.
    clock
        Gives the time of day in epoch milliseconds.
    alerts
        The name in Kafka of the alerts' topic.
    """

    def __init__(
        self,
        notifier: Notifier,
        state: LiveState,
        couriers: Couriers,
        counts: ProcessCounts,
        commit: Callable[[], None],
        clock: Callable[[], int] = wall_clock,
        alerts: str = ALERTS,
    ) -> None:
        self._notifier = notifier
        self._state = state
        self._couriers = couriers
        self._counts = counts
        self._commit = commit
        self._clock = clock
        self._alerts = alerts
        counts.tells(notifier.routes, OUTCOMES)

    def take(self, outcome: Decoded, _key: object, timestamp: int, _headers: object) -> Iterable[DeadLetter]:
        """Take a record, and return the dead letters that come of it."""
        if isinstance(outcome, DeadLetter):
            return (outcome,)
        where, now = message_context(), self._clock()
        self.settle()
        if isinstance(outcome, Alert | Action):
            store = self._state.store(outcome.store_id, where.partition)
            place = AlertPlace(where.partition, where.offset, timestamp)
            for each in self._notifier.process(outcome, store, now, place):
                if each.fate == "held":
                    self._counts.notified(each.route, "held")
            return self._go_on(outcome.store_id, where.partition, now)
        return [
            letter
            for store_id in self._state.due_stores(now, where.partition)
            for letter in self._go_on(store_id, where.partition, now)
        ]

    def settle(self) -> None:
        """Note the outcomes of the messages whose delivery has ended."""
        done = [each for each in self._couriers.outcomes() if self._state.holds(each[0].partition)]
        now = self._clock()
        for (message, partition), delivery in done:
            store = self._state.store(message.store_id, partition)
            if delivery.outcome == "sent":
                self._notifier.delivered(message, store, now)
            else:
                self._notifier.failed(message, store, now, refused=delivery.outcome == "refused")
            self._counts.notified(message.route, "sent" if delivery.outcome == "sent" else "failed")
        if done:
            self._commit()

    def _go_on(self, store_id: str, partition: int, now: int) -> list[DeadLetter]:
        store, flying = self._state.store(store_id, partition), self._couriers.flying(store_id)
        letters = [
            self._dead_letter(route, note) for route, note in self._notifier.given_up(store, now, flying)
        ]
        for message in self._notifier.messages(store, now, flying):
            self._couriers.hand(Parcel(message, partition))
        return letters

    def _dead_letter(self, route: str, note: AlertNote) -> DeadLetter:
        self._counts.notified(route, "given up")
        place = note.place or AlertPlace(0, 0, 0)
        reason = f"undelivered: route {route} could not be told of alert {note.alert_id} in time"
        return DeadLetter.of(
            None,  # the record stands where the place says
            InvalidEvent(None, reason, InvalidKind.UNDELIVERED),
            topic=self._alerts,
            partition=place.partition,
            offset=place.offset,
            timestamp=place.timestamp,
            key=note.store_id.encode(),
        )


class SettleStep(CommitStep):
    """Notes outcomes before each commit, also the last: what has arrived by then is not sent again."""

    def __init__(self) -> None:
        super().__init__()
        self.settle: Callable[[], None] = lambda: None

    def flush(self) -> None:
        """Note the outcomes."""
        self.settle()


class NotifyTicks:
    """Writes ticks: records that have the process look at what is due.

    Parameters
    ----------
    connection
        The broker.
    topic
        The name in Kafka of the ticks' topic.
    """

    def __init__(self, connection: Connection, topic: str) -> None:
        self._producer = Producer({**connection.properties(), "linger.ms": 0, "log_level": 0})
        self._topic = topic

    def one(self, partition: int) -> None:
        """Write a tick for one partition, if Kafka takes any. Any thread may call this."""
        with suppress(KafkaException, BufferError):  # it is away; the next tick comes in its time
            self._producer.produce(self._topic, b"{}", partition=partition)
            self._producer.poll(0)

    def all(self) -> None:
        """Write a tick for each partition."""
        for partition in (
            self._producer.list_topics(self._topic, _FLUSH_SECONDS).topics[self._topic].partitions
        ):
            self.one(partition)

    def close(self) -> None:
        """Wait for the ticks that are on their way."""
        self._producer.flush(_FLUSH_SECONDS)


def define_notify(  # noqa: PLR0913 - by name only
    inputs: Mapping[str, StreamingDataFrame],
    *,
    notifier: Notifier,
    couriers: Callable[[LiveState], Couriers],
    dead_letters: Topic,
    privacy: PrivacySettings = NO_PSEUDONYMS,
    internal_bytes: int = USUAL,
    placing: Placing | None = None,
    counts: ProcessCounts | None = None,
    on_state: Callable[[LiveState], None] = lambda _state: None,
) -> StreamingDataFrame:
    """Wire the notifications between the topics; no I/O of its own.

    Parameters
    ----------
    inputs
        By topic name, a dataframe of the topic's records, keys and values as bytes.
    notifier
        Decides which messages go out.
    couriers
        Makes those who deliver them; it is given the state.
    dead_letters
        Output topic, which encodes the values itself (`encoding_topic`).
    privacy
        Whether there are pseudonyms.
    internal_bytes
        The largest value, in bytes, of the changelog.
    placing
        Checks that records are in the partition of their key; None: any will do.
    counts
        Counts the messages.
    on_state
        Is given the state.

    Returns
    -------
    StreamingDataFrame
        The dataframe of the dead letters.
    """
    merged = inputs[NOTIFY_TICKS].apply(lambda _raw: _TICK)
    ticks = name_of(inputs[NOTIFY_TICKS])
    for name in (ALERTS, ALERT_ACTIONS):
        raw = inputs[name]
        reader = reader_for_triage(name, name_of(raw), privacy, placing)
        merged = merged.concat(raw.apply(reader.read, metadata=True))
    counts = counts or ProcessCounts()
    context, settling = merged.processing_context, SettleStep()
    context.sink_manager.register(settling)  # before the state, which then writes what was noted
    state = LiveState(merged, notifier, most_bytes=internal_bytes, ticks=ticks)
    on_state(state)
    deliver = couriers(state)
    if isinstance(counts, Metrics):
        counts.entries = state.entries
        counts.paused_routes = deliver.paused
        counts.live_stores = lambda: (state.live_stores, state.put_aside)
    notification = Notification(
        *(notifier, state, deliver, counts),
        commit=lambda: commit_soon(context),
        alerts=name_of(inputs[ALERTS]),
    )
    settling.settle = notification.settle
    outcomes = writable(merged.apply(notification.take, expand=True, metadata=True), wall_clock)
    send(outcomes, DeadLetter, dead_letters, key=short_key)
    return outcomes


def notify_process(settings: Settings, environ: Mapping[str, str] | None) -> QuixProcess:
    """Declare the process that sends messages about alerts.

    Parameters
    ----------
    settings
        The settings; the consumer group is the streamer's with ``-notify`` at its end.
    environ
        Names and values, as `os.environ` has them. Addresses and keys come from there alone. None: the
        process sends nothing, and is declared for its topics.

    Raises
    ------
    StreamerError
        There is no route, or the environment lacks an address.

    Examples
    --------
    >>> from retail_anomaly.settings.notify_settings import NotifySettings, RouteSettings
    >>> duty = RouteSettings(service="slack", address="SLACK_URL")
    >>> settings = Settings(notify=NotifySettings(routes={"duty": duty}))
    >>> process = notify_process(settings, {"SLACK_URL": "https://hooks.slack.example/services/T/B/x"})
    >>> process.group, process.inputs
    ('retail-anomaly-notify', ('anomaly-alerts', 'alert-actions', 'notify-ticks'))
    """
    streamer = settings.streamer
    names = TopicNames.of_settings(settings)
    notifier = notifier_of(
        settings.notify, settings.zone, has_pseudonyms=settings.privacy.pseudonyms != "none"
    )
    carriers = {} if environ is None else carriers_of(settings, environ)
    ticks: list[NotifyTicks] = []

    def define(app: MemberApplication, wiring: Wiring) -> None:
        def check(state: LiveState) -> None:
            app.on_take_over(state.check)

        def couriers(state: LiveState) -> Couriers:
            def nudge(partition: int) -> None:
                for each in ticks:
                    each.one(partition)

            made = Couriers(
                {name: Courier(name, each, nudge, state.holds) for name, each in carriers.items()}
            )
            app.at_stop(made.stop_soon)
            made.start()
            return made

        limits = wiring.topics.limits
        outcomes = define_notify(
            {name: app.dataframe(raw_topic(app, names.of(name))) for name in NOTIFIED},
            notifier=notifier,
            couriers=couriers,
            dead_letters=encoding_topic(app, names.of(DEAD_LETTERS), limits),
            privacy=settings.privacy,
            internal_bytes=limits.internal_bytes,
            placing=wiring.placing([names.of(ALERTS)], accept=streamer.wrong_partition == "warn"),
            counts=wiring.counts,
            on_state=check,
        )
        outcomes.update(wiring.counts.raised)

    @contextmanager
    def ticking(connection: Connection) -> Iterator[Sequence[Background]]:
        if (
            connection.broker is None
        ):  # Quix Cloud looks after its topics itself: there the next record settles
            yield ()
            return
        maker = NotifyTicks(connection, names.of(NOTIFY_TICKS))
        ticks.append(maker)
        with suppress(KafkaException):
            maker.all()  # messages may be due
        seconds = streamer.tick_interval / 1000
        with Background("ticks", seconds, maker.all, trouble="no ticks can be written") as work:
            yield (work,)
        maker.close()

    return QuixProcess(
        name="notify",
        settings=settings_of(
            settings,
            consumer_group=f"{streamer.consumer_group}-notify",
            # Messages are outside of Kafka's transactions.
            processing_guarantee="at-least-once",
        ),
        inputs=names.notified,
        outputs=names.all((DEAD_LETTERS, NOTIFY_TICKS)),
        define=define,
        beside=ticking,
        about={"routes": ", ".join(f"{route.name} ({route.service})" for route in notifier.routes.values())},
    )


def carriers_of(settings: Settings, environ: Mapping[str, str]) -> dict[str, Carrier]:
    """Return the carrier of each route.

    Parameters
    ----------
    settings
        The settings.
    environ
        Names and values, as `os.environ` has them.

    Raises
    ------
    StreamerError
        There is no route, or the environment lacks an address.

    Examples
    --------
    >>> carriers_of(Settings(), {})
    Traceback (most recent call last):
    streamer.errors.StreamerError: notify.routes: expected a route, there is none: ...
    """
    addresses = route_addresses(settings, environ)
    seconds = settings.notify.timeout / 1000
    return {
        name: carrier_of(route.route(name), addresses[name], seconds)
        for name, route in settings.notify.routes.items()
    }
