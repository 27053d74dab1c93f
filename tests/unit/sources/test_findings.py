"""The summary says which `numbered_by` is right for a log whose transaction numbers are used again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.core.events import PosEvent
from retail_anomaly.core.receipts import NumberedBy
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.watch import Watch

T = 1_760_000_000_000
HOUR = 3_600_000


def line(kind: str = "SALE", number: str = "42", at: int = 0, **fields: Any) -> PosEvent:
    sku = fields.pop("sku", "k")
    return PosEvent(number, "s", "c", sku, 5.0, kind, T + at, **{"register_id": "r-1", **fields})


def findings(events: Iterable[PosEvent], numbered_by: NumberedBy = "store") -> Findings:
    watch = Watch((), numbered_by)
    for _ in watch.passed(events):
        pass
    return watch.findings


def said(*events: PosEvent, numbered_by: Any = "store") -> str:
    return " ".join(findings(events, numbered_by).remarks((), (), numbered_by))


@pytest.mark.parametrize(
    ("events", "right"),
    [
        ([line(), line(register_id="r-2")], "register"),
        ([line(), line(at=23 * HOUR)], "register_day"),
        ([line(), line(register_id="r-2", at=HOUR), line(register_id="r-2", at=25 * HOUR)], "register_day"),
        ([line(register_id=None), line(register_id=None, at=24 * HOUR)], "register_day"),
        # A refund under a number of its own, which another sale has borne.
        ([line(), line("REFUND", sku="another", register_id="r-2", at=HOUR)], "register"),
    ],
)
def test_a_number_that_is_used_again_names_the_right_setting(events: list[PosEvent], right: str) -> None:
    assert f"set `numbered_by: {right}`, or" in said(*events)


@pytest.mark.parametrize(
    "events",
    [
        [line(), line(sku="another", at=HOUR)],
        # The sale's own number, at the return desk and a week later.
        [line(), line("REFUND", register_id="r-9", at=7 * 24 * HOUR)],
        [line(), line("REFUND", "43", original_transaction_id="42", register_id="r-9")],
        [line(), line(register_id=None)],
        [line(), line(register_id="r-2", training=True)],
    ],
)
def test_numbers_of_their_own_are_no_remark(events: list[PosEvent]) -> None:
    assert "numbered_by" not in said(*events)


def test_each_number_counts_once_and_says_where() -> None:
    events = [line(number=str(n), register_id=f"r-{m}", at=m) for n in range(3) for m in range(4)]
    assert "again, 3 by two registers of a store: set" in said(*events)
    events += [line(number="1", register_id="r-3", at=d * 24 * HOUR) for d in range(1, 4)]
    assert "3 by two registers of a store and 1 by one register on two days: set" in said(*events)


def test_a_setting_that_tells_the_numbers_apart_is_no_remark() -> None:
    tills = [line(event_id="1"), line(register_id="r-2", event_id="1")]
    days = [line(), line(at=24 * HOUR)]
    assert said(*tills, numbered_by="register") == ""
    assert "numbered_by: register_day" in said(*days, numbered_by="register")
    assert said(*days, numbered_by="register_day") == ""


@pytest.mark.parametrize("numbered_by", ["store", "register", "register_day"])
def test_a_simulated_log_is_told_its_own_numbering(numbered_by: Any) -> None:
    events = list(Simulation(stores=1, days=3, seed=3, numbered_by=numbered_by).events())
    for jobs in (1, 2):
        remarks = " ".join(ra.replay(events, jobs=jobs).remarks)
        assert ("numbered_by" in remarks) is (numbered_by != "store")
        assert numbered_by == "store" or f"set `numbered_by: {numbered_by}`, or" in remarks
    right = ra.Settings(numbered_by=numbered_by)
    assert "numbered_by" not in " ".join(ra.replay(events, settings=right).remarks)


def test_refunds_of_another_stores_receipt_are_none_that_name_no_sale() -> None:
    elsewhere = line("REFUND", "r", original_transaction_id="42", original_store_id="another")
    assert "names a sale" not in " ".join(findings([line(), elsewhere]).remarks())
    own = line("REFUND", "r-2", original_transaction_id="41")
    said = findings([line(), elsewhere, own]).remarks()[0]
    assert said.startswith("none of the refunds (1) within one store names a sale: ")


def test_a_register_that_is_the_number_of_a_line_is_told_from_one() -> None:
    lines = [line(number=n, register_id=str(k), at=int(n) * HOUR) for n in "123" for k in range(1, 4)]
    assert said(*lines) == (
        "registerId differs between the lines of 3 receipts: if its column numbers their lines, "
        "map it to lineNumber"
    )
    tills = [line(number=n, register_id=k, at=int(k) * HOUR) for n in "123" for k in "12"]
    assert "set `numbered_by: register`" in said(*tills)


def test_a_line_that_came_twice_is_told_from_a_second_piece() -> None:
    first = PosEvent("t-1", "s", "c", "k", 5.0, "SALE", T, line_number=2)
    piece = replace(first, line_number=3)
    sent_again = replace(first, event_id="e")
    unnumbered = replace(first, line_number=None)

    for honest in ([first, piece], [unnumbered, unnumbered], [first, sent_again]):
        assert not findings(honest).copies
    again = findings([first, piece, first, first])
    assert again.copies == 2
    (remark,) = again.remarks()
    assert "2, the first of receipt t-1 (s)" in remark
    again.add(findings([piece, piece]))
    assert (again.copies, again.first_copy) == (3, "t-1 (s)")


@pytest.mark.parametrize(
    ("count", "said"), [(1, "1 event has the cashier"), (2, "2 events have the cashier")]
)
def test_one_event_is_said_as_one(count: int, said: str) -> None:
    events = [replace(line(number=str(n)), cashier_id="NULL") for n in range(count)]

    assert findings(events).remarks()[0].startswith(said)
    assert str(ra.load(events).summary).startswith(f"{said.partition(' ha')[0]} of 1 store (")
