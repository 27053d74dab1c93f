"""Values and ids that a producer chooses stop nothing: rows of kept lines, numbers beyond those of JSON."""

from __future__ import annotations

from typing import Any

import pytest

from retail_anomaly.core.codec import decode
from retail_anomaly.core.events import INPUT_TOPICS, PosEvent
from retail_anomaly.core.invalid import InvalidEvent
from retail_anomaly.core.kept_lines import KeptLines
from retail_anomaly.core.local_time import UTC, LocalTime
from retail_anomaly.core.receipts import Numbering, text_hash
from tests.support.events import DAY

TIME = 1_760_000_000_000
# As a row of 32 bits would have it, in thousandths: the mark of a token's row.
MARK = 2_147_483.648


def kept(by: Any = "store") -> KeptLines:
    return KeptLines(Numbering(by, LocalTime(UTC)), DAY)


def line(number: str, kind: str = "SALE", **fields: Any) -> PosEvent:
    return PosEvent(number, "s", "c", "k", 9_999.99, kind, TIME, **fields)


@pytest.mark.parametrize("topic", INPUT_TOPICS)
@pytest.mark.parametrize(
    "value",
    [
        b"1e400",
        b"[1e400]",
        b'{"a":1e400} x',
        b'{"a":1e400',
        b'{"a":1e400,"storeId":"\xff"}',
        b'{"storeId":1e400,"sku":"\xff"}',
        b'{"a":1e400,"sku":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_broken_json_after_a_number_out_of_range_is_a_dead_letter(topic, value):
    with pytest.raises(InvalidEvent) as raised:
        decode(topic, value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("quantity", [MARK, MARK - 0.001, MARK + 0.001])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_quantity_is_taken_for_the_mark_of_a_token(quantity, sign):
    lines = kept()
    lines.add(line("1"), 1, TIME)
    lines.add(line("2", quantity=quantity), sign, TIME)
    assert [(each.quantity, each.is_sale) for each in lines.of_number("2")] == [(quantity, sign > 0)]
    restored = kept()
    restored.restore(lines.describe(), dict(lines.records()).get)
    for each in (lines, restored):
        assert each.forget(TIME + 3 * DAY) is not None
        assert len(each) == 0


@pytest.mark.parametrize("by", ["register", "register_day"])
def test_made_up_registers_share_a_series_at_last(by):
    lines = kept(by)
    for number in range(66_000):
        lines.add(line("1", register_id=f"r-{number}"), 1, TIME)
    assert lines.of_number("1")[0].series[0] == "r-0"
    restored = kept(by)
    restored.restore(lines.describe(), dict(lines.records()).get)
    assert restored.of_number("1")[-1].series == lines.of_number("1")[-1].series
    assert len(restored.of_number("1")) == 66_000


@pytest.mark.parametrize("token", [None, "x"])
def test_a_line_behind_a_clock_that_is_wrong_is_forgotten_with_its_token(token):
    lines = kept()
    wrong = TIME + 10 * DAY
    lines.add(line("1", card_token=token), 1, wrong)
    assert lines.times() == (TIME, TIME)
    assert lines.forget(wrong, TIME + 5 * DAY) is not None
    assert len(lines) == 0


def test_nul_at_the_end_of_a_number_makes_it_another():
    hashes = {text_hash("42" + "\0" * count + more) for count in range(4) for more in ("", "\x01")}
    assert len(hashes) == 8
