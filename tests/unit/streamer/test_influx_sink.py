"""The sink between Quix's checkpoint and a server that answers as told; nothing is lost in any case."""

from __future__ import annotations

import base64
import dataclasses
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import pytest
from quixstreams.sinks import SinkBackpressureError
from structlog.testing import capture_logs

from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import ALERTS
from retail_anomaly.core.invalid import DeadLetter
from streamer.errors import StreamerError
from streamer.kafka.topic_plan import TopicNames
from streamer.observe.counts import ProcessCounts
from streamer.sinks import influx_sink as sink_module
from streamer.sinks.influx_client import Influx
from streamer.sinks.influx_sink import InfluxSink
from streamer.sinks.points import line
from tests.influx import Answer, ScriptedServer
from tests.support.alerts import alert_records, an_alert
from tests.unit.streamer.test_influx_answers import TARGET

REFUSED = Answer(400, '{"error":"partial write: field type conflict"}')


class Bench:
    """A sink before a scripted server; `deliver` works like a checkpoint of Quix."""

    def __init__(
        self,
        server: ScriptedServer,
        batch: int = 5_000,
        timeout: int = 5_000,
        patience: float = sink_module.PATIENCE_SECONDS,
    ) -> None:
        self.server = server
        self.buried: list[tuple[bytes | None, DeadLetter]] = []
        self.tally = ProcessCounts()
        self.influx = Influx(dataclasses.replace(TARGET, url=server.url), timeout)
        self.sink = InfluxSink(
            self.influx,
            bury=self._bury,
            observer=self.tally,
            batch=batch,
            pauses=(0.001, 0.001),
            patience=patience,
            plain=TopicNames("shops.").plain,
        )

    def _bury(self, letters: Sequence[tuple[bytes | None, DeadLetter]]) -> None:
        self.buried += letters

    def deliver(self, values: Sequence[bytes | None], first_offset: int = 0) -> None:
        for offset, value in enumerate(values, first_offset):
            self.sink.add(value, b"store-1", 7, [], ALERTS, offset % 2, offset)
        self.sink.flush()

    def deliver_until_taken(self, values: Sequence[bytes | None], most: int = 10) -> int:
        """Deliver as Quix does after backpressure; return how often it took."""
        for attempt in range(1, most + 1):
            try:
                self.deliver(values)
            except SinkBackpressureError:
                self.sink.on_paused()
            else:
                return attempt
        raise AssertionError(f"not taken after {most} deliveries")


def _values(count: int) -> list[bytes | None]:
    return [record.value for record in alert_records([an_alert(n) for n in range(count)])]


def _lines(values: Sequence[bytes | None]) -> list[str]:
    return [line(ALERTS, value) for value in values]


def test_a_checkpoint_is_one_request_whatever_the_number_of_partitions():
    values = _values(100)
    with ScriptedServer() as server:
        Bench(server).deliver(values)
        assert server.sizes == [100]
        assert Counter(server.lines) == Counter(_lines(values))


def test_a_topic_with_a_prefix_is_written_as_the_one_without():
    values = _values(3)
    with ScriptedServer() as server:
        bench = Bench(server)
        for offset, value in enumerate(values):
            bench.sink.add(value, b"store-1", 7, [], f"shops.{ALERTS}", 0, offset)
        bench.sink.flush()
        assert Counter(server.lines) == Counter(_lines(values))


def test_nothing_to_write_is_no_request():
    with ScriptedServer() as server:
        Bench(server).sink.flush()
        assert server.sizes == []


def test_large_checkpoints_are_written_in_pieces_in_order():
    with ScriptedServer() as server:
        bench = Bench(server, batch=30)
        bench.deliver(_values(100))
        assert server.sizes == [30, 30, 30, 10]
        # Of each partition the order of its records.
        even = [text for text in _lines(_values(100)) if text in set(_lines(_values(100)[::2]))]
        assert [text for text in server.lines if text in set(even)] == even


def test_one_poison_record_in_a_thousand_is_found_and_the_others_are_written():
    values = _values(1_000)
    poison = line(ALERTS, values[637])
    with ScriptedServer(judge=lambda lines: REFUSED if poison in lines else Answer()) as server:
        bench = Bench(server)
        bench.deliver(values)
        assert set(server.lines) == set(_lines(values)) - {poison}
        assert len(server.lines) == 999
        assert len(server.sizes) <= 21  # two a halving
    ((key, letter),) = bench.buried
    assert key == b"store-1"
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp) == (ALERTS, 1, 637, 7)
    assert base64.b64decode(letter.value or "") == values[637]
    assert "field type conflict" in letter.reason
    assert bench.tally.totals()["dead_letters"] == 1


def test_422_is_a_refusal_too():
    with ScriptedServer([Answer(422)]) as server:
        bench = Bench(server)
        bench.deliver(_values(1))
        assert len(bench.buried) == 1


@pytest.mark.parametrize(
    "foreign",
    [
        Answer(200, "<html>Please log in</html>", foreign=True),
        Answer(400, '{"error":"bad request"}', foreign=True),
        Answer(400, '{"message":"bad request"}', foreign=True),
        Answer(413, "<html>too large</html>", foreign=True),
        Answer(204, foreign=True),
    ],
    ids=["login page", "gateway in JSON", "another gateway", "proxy's limit", "204 of nobody"],
)
def test_nothing_is_lost_to_a_server_that_is_no_influxdb(foreign: Answer):
    values = _values(4)
    with ScriptedServer(
        judge=lambda _lines: foreign, on_query=lambda _query: foreign, names_itself=False
    ) as server:
        bench = Bench(server)
        for _ in range(2):
            with pytest.raises(SinkBackpressureError), capture_logs() as said:
                bench.deliver(values)
            bench.sink.on_paused()
        assert any(server.url in str(entry.get("reason")) for entry in said)
        server.lines.clear()
        server.judge, server.names_itself = lambda _lines: Answer(), True
        bench.deliver_until_taken(values)
        assert Counter(server.lines) == Counter(_lines(values))
    assert bench.buried == []


def test_a_limit_of_a_proxy_is_met_with_smaller_requests():
    values = _values(16)
    too_large = Answer(413, "<html>413 Request Entity Too Large</html>", foreign=True)
    with ScriptedServer(judge=lambda lines: too_large if len(lines) > 4 else Answer()) as server:
        bench = Bench(server)
        bench.deliver(values)
        assert Counter(server.lines) == Counter(_lines(values))
    assert bench.buried == []


def test_what_is_no_alert_is_buried_without_asking_the_server():
    values = [*_values(2), b"not json", None, b"{}"]
    with ScriptedServer() as server:
        bench = Bench(server)
        bench.deliver(values)
        assert server.sizes == [2]
    assert sorted(letter.offset or 0 for _, letter in bench.buried) == [2, 3, 4]
    assert all(letter.reason.startswith("value: ") for _, letter in bench.buried)


def test_dead_letters_are_acknowledged_before_the_flush_returns():
    def refuse(_letters: object) -> None:
        raise StreamerError("Kafka does not take dead letters")

    with ScriptedServer([REFUSED]) as server:
        bench = Bench(server)
        bench.sink._bury = refuse
        with pytest.raises(StreamerError):
            bench.deliver(_values(1))


def test_too_large_is_halved_and_what_alone_is_too_large_is_buried():
    values = _values(64)
    giant = line(ALERTS, values[5])

    def judge(lines: list[str]) -> Answer:
        return Answer(413) if len(lines) > 10 or giant in lines else Answer()

    with ScriptedServer(judge=judge) as server:
        bench = Bench(server)
        bench.deliver(values)
        assert Counter(server.lines) == Counter(set(_lines(values)) - {giant})
    assert [letter.offset for _, letter in bench.buried] == [5]
    assert "too large" in bench.buried[0][1].reason


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503), Answer(how="reset")], ids=["500", "503", "reset"]
)
def test_a_passing_fault_is_tried_again_at_once(fault: Answer):
    with ScriptedServer([fault, fault]) as server:
        bench = Bench(server)
        bench.deliver(_values(10))
        assert server.sizes == [10, 10, 10]
        assert server.lines == _lines(_values(10)[::2]) + _lines(_values(10)[1::2])


@pytest.mark.parametrize(
    "fault", [Answer(500), Answer(503), Answer(how="reset")], ids=["500", "503", "reset"]
)
def test_after_three_tries_quix_waits_and_delivers_again(fault: Answer):
    with ScriptedServer([fault] * 3) as server:
        bench = Bench(server)
        with pytest.raises(SinkBackpressureError) as caught:
            bench.deliver(_values(10))
        assert caught.value.retry_after == 1.0
        bench.sink.on_paused()
        bench.deliver(_values(10))
        assert Counter(server.lines) == Counter(_lines(_values(10)))


def test_the_wait_grows_and_starts_anew_after_a_success():
    waits = []
    with ScriptedServer([Answer(503)] * 18 + [Answer()] + [Answer(503)] * 3) as server:
        bench = Bench(server)
        for _ in range(8):
            try:
                bench.deliver(_values(1))
            except SinkBackpressureError as error:
                waits.append(error.retry_after)
                bench.sink.on_paused()
    assert waits == [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 1.0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_wished_wait_is_honoured_without_trying_again(status: int):
    with ScriptedServer([Answer(status, headers={"Retry-After": "42"})]) as server:
        with pytest.raises(SinkBackpressureError) as caught:
            Bench(server).deliver(_values(1))
        assert caught.value.retry_after == 42.0
        assert server.sizes == [1]


def test_a_hanging_server_is_asked_for_less_each_time():
    values = _values(40)

    def judge(lines: list[str]) -> Answer:
        return Answer(how="hang") if len(lines) > 10 else Answer()

    with ScriptedServer(judge=judge) as server:
        bench = Bench(server, timeout=150)
        assert bench.deliver_until_taken(values) == 3
        assert server.sizes[:2] == [40, 20]
        assert set(server.lines) == set(_lines(values))


def test_a_slow_server_does_not_keep_a_flush_beyond_its_patience():
    values = _values(40)
    with ScriptedServer(judge=lambda _lines: Answer(delay=0.03)) as server:
        bench = Bench(server, batch=2, patience=0.1)
        assert bench.deliver_until_taken(values, most=20) > 2
        assert Counter(server.lines) == Counter(_lines(values)), "written twice or not at all"


def test_poison_is_found_although_a_flush_has_time_for_one_request_only():
    values = _values(16)
    poison = line(ALERTS, values[5])
    with ScriptedServer(judge=lambda lines: REFUSED if poison in lines else Answer()) as server:
        bench = Bench(server, patience=0.0)
        # Halved four times until the poison is alone; the others go in smaller pieces, one a flush.
        assert bench.deliver_until_taken(values, most=20) > 4
        assert Counter(server.lines) == Counter(set(_lines(values)) - {poison})
    assert [letter.offset for _, letter in bench.buried] == [5]


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (Answer(429), "look at its load and its limits on writes"),
        (Answer(503, headers={"Retry-After": "2"}), "look at its load and its limits on writes"),
        (Answer(500), "look at its log and its disk"),
        (Answer(503), "look at its log and its disk"),
        (Answer(how="reset"), "is it running, and is INFLUXDB_URL right?"),
        (Answer(how="hang"), "look at its load, or raise streamer.sink.timeout"),
        (Answer(400, "<html>no InfluxDB</html>"), "is INFLUXDB_URL right, and the proxy before it?"),
        (Answer(413), "lower streamer.sink.batch"),
        (REFUSED, "mend the cause, then produce them again"),
    ],
    ids=lambda value: "" if isinstance(value, str) else f"{value.status} {value.how}",
)
def test_the_log_says_what_to_do(answer: Answer, advice: str):
    def judge(lines: list[str]) -> Answer:
        return answer if len(lines) > 1 or answer is REFUSED else Answer()

    with ScriptedServer(judge=judge) as server, capture_logs() as said, suppress(SinkBackpressureError):
        Bench(server, timeout=150).deliver(_values(2))
    assert any(advice in f"{entry['event']} {entry.get('reason')}" for entry in said), said


def test_each_delivery_gets_further_than_the_one_before():
    values = _values(40)
    answers = [Answer(), *[Answer(500)] * 3, Answer(), *[Answer(500)] * 3]
    with ScriptedServer(answers) as server:
        bench = Bench(server, batch=10)
        assert bench.deliver_until_taken(values) == 3
        assert Counter(server.lines) == Counter(_lines(values)), "written twice or not at all"


def test_a_refused_record_is_buried_once_though_its_batch_comes_again():
    values = _values(8)
    poison = line(ALERTS, values[0])
    broken = iter([Answer(429), Answer()])

    def judge(lines: list[str]) -> Answer:
        if poison in lines:
            return REFUSED
        return next(broken, Answer())

    with ScriptedServer(judge=judge) as server:
        bench = Bench(server)
        assert bench.deliver_until_taken(values) == 2
        assert set(server.lines) == set(_lines(values)) - {poison}
    assert len(bench.buried) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_an_operator_must_repair_ends_it(status: int):
    with ScriptedServer([Answer(status)]) as server, pytest.raises(StreamerError):
        Bench(server).deliver(_values(1))


@pytest.mark.parametrize("status", [401, 403, 404])
def test_it_does_not_start_where_no_write_can_succeed(status: int):
    with ScriptedServer([Answer(status)]) as server, pytest.raises(StreamerError):
        Bench(server).sink.start()


@pytest.mark.parametrize(
    "fault", [Answer(503), Answer(how="reset"), Answer(400)], ids=["503", "reset", "empty"]
)
def test_it_starts_before_a_server_that_is_away(fault: Answer):
    with ScriptedServer([fault]) as server:
        Bench(server).sink.start()
        assert server.lines == []


def test_the_tries_of_a_flush_end_well_before_the_group_gives_the_process_up():
    # A request may begin until the patience is over, and takes its timeout: 30 s at most.
    assert sink_module.PATIENCE_SECONDS + 30 + sum(sink_module.PAUSES) < 300 / 3


def test_of_two_revisions_the_later_is_written_last():
    revisions = [encode(an_alert(1, revision=n, risk_score=n / 10)) for n in range(1, 6)]
    with ScriptedServer(judge=lambda lines: Answer(413) if len(lines) > 2 else Answer()) as server:
        bench = Bench(server)
        for offset, value in enumerate(revisions):
            bench.sink.add(value, b"store-1", 7, [], ALERTS, 0, offset)
        bench.sink.flush()
        assert server.lines == _lines(revisions)
