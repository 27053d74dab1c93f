"""Each record is decoded once, whatever way it takes through the pipeline."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from pathlib import Path

import pytest
from quixstreams.context import set_message_context
from quixstreams.models import MessageContext

from retail_anomaly.core import codec
from retail_anomaly.core.codec import encode
from retail_anomaly.core.events import POS_EVENTS, Event, PosEvent
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent
from retail_anomaly.settings import Settings, build_engine
from streamer.detection.kafka_record import RowRecord
from streamer.detection.record_reader import RekeyingReader, read_tick
from streamer.kafka.topic_plan import TICKS
from tests.support.brokerless import BrokerlessPipeline

SALE = encode(PosEvent("t-1", "store-1", "c-1", "sku", 9.5, "SALE", 1_760_000_000_000))
REFUND = encode(PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_060_000))


class CountingDecoder:
    """Decodes as the codec does, and counts."""

    def __init__(self) -> None:
        self.decoded: Counter[bytes | None] = Counter()

    def __call__(self, topic: str, raw: bytes | None) -> Event:
        self.decoded[raw] += 1
        return codec.decode(topic, raw)


@pytest.mark.parametrize("rekey", [False, True])
def test_a_record_is_decoded_once(tmp_path: Path, rekey: bool):
    decoder = CountingDecoder()
    pipeline = BrokerlessPipeline(build_engine(Settings()), tmp_path, rekey=rekey, decode=decoder)
    for value in (SALE, REFUND, b"no JSON"):
        pipeline.send(POS_EVENTS, value, b"register-7" if rekey else b"store-1", 1_760_000_000_000)
    pipeline.close()
    assert decoder.decoded == {SALE: 1, REFUND: 1, b"no JSON": 1}
    assert [alert.type for alert in pipeline.alerts] == ["REFUND_WITHOUT_SALE"]
    assert len(pipeline.dead_letters) == 1


def test_an_alert_is_keyed_by_its_store_without_being_read_back(tmp_path: Path):
    pipeline = BrokerlessPipeline(build_engine(Settings()), tmp_path)
    pipeline.send(POS_EVENTS, REFUND, b"store-1", 1_760_000_060_000)
    pipeline.close()
    assert pipeline.producer.keys == [b"store-1"]


@pytest.fixture
def at():
    def go(topic: str, offset: int) -> None:
        set_message_context(MessageContext(topic, 0, offset, size=0))

    yield go
    set_message_context(None)


def test_a_record_of_the_repartition_topic_is_another_record(at):
    decoder = CountingDecoder()
    reader = RekeyingReader(POS_EVENTS, decoder, max_ahead=None)
    at(POS_EVENTS, 5)
    first = reader.read(SALE, b"", 1, [])
    assert reader.store_key(SALE) == b"store-1"
    at("repartition__pos-events", 5)
    assert reader.read(REFUND, b"store-1", 1, []) != first
    assert decoder.decoded == {SALE: 1, REFUND: 1}


def test_a_record_that_cannot_be_read_has_no_store(at):
    reader = RekeyingReader(POS_EVENTS, codec.decode, max_ahead=None)
    at(POS_EVENTS, 0)
    assert isinstance(reader.read(b"{", b"", 1, []), DeadLetter)
    assert not reader.is_good(b"{", b"", 1, [])
    with pytest.raises(RuntimeError, match="before it is read"):
        reader.store_key(b"{")


@pytest.mark.parametrize(
    ("tick", "good"),
    [
        (b'{"time": 1760000000000}', True),
        (b'{"time": 1760003600000}', True),
        (b'{"time": 1760003600001}', False),
        (b'{"time": 253370764800000}', False),
        (b'{"time": -1}', False),
        (b'{"time": 1%b}' % (b"0" * 400), False),
        (b"{}", False),
        (None, False),
    ],
)
def test_a_tick_ahead_of_its_record_is_none(tick: bytes | None, good: bool):
    record = RowRecord(tick, None, 1_760_000_000_000, (TICKS, 0, 0))
    with nullcontext() if good else pytest.raises(InvalidEvent):
        read_tick(record)
