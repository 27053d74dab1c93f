"""The ledger: what was sold is found again from memory and from records, and forgotten in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from retail_anomaly.core.ledger import Exchange, Ledger
from tests.support.events import DAY, HOUR, MINUTE, T0, line

KEEP = 30 * DAY
ANNA, BERT, CARL = "anna", "bert", "carl"


@dataclass
class Book:
    """A ledger with a disk, whose clock follows the lines."""

    ledger: Ledger = field(default_factory=lambda: Ledger(KEEP))
    disk: dict[str, bytes] = field(default_factory=dict)
    clock: int = 0

    def __post_init__(self) -> None:
        self.ledger.attach(self.disk.get)

    def add(self, number: str, at: int = 0, kind: str = "SALE", **fields: Any) -> None:
        event = line(kind, at, transaction_id=number, **fields)
        if abs(event.event_time - self.clock) < 365 * DAY or not self.clock:
            self.clock = max(self.clock, event.event_time)
        self.ledger.add((number,), event, 1 if kind == "SALE" else -1, self.clock)

    def days_of_sales(self, days: int, **fields: Any) -> None:
        for day in range(days):
            for n in range(100):
                self.add(f"{day}-{n}", day * DAY + n * MINUTE, **fields)
            self.ledger.sweep(self.clock)

    def book(self, number: str, quantity: float) -> None:
        self.add("refund", self.clock - T0, "REFUND", quantity=quantity)
        (receipt,) = self.ledger.numbered(number)
        self.ledger.book(self.ledger.last, receipt, "sku-1", quantity)

    def write(self) -> list[str]:
        names = []
        for name, content in self.ledger.records():
            names.append(name)
            if content is None:
                self.disk.pop(name, None)
            else:
                self.disk[name] = content
        return names

    def restart(self) -> None:
        self.write()
        description = self.ledger.describe()
        self.ledger = Ledger(KEEP)
        self.ledger.restore(description, self.disk.get)

    def forget_nothing(self) -> None:
        """Stand in for a restart."""


@pytest.fixture
def book() -> Book:
    return Book()


@pytest.fixture(params=["restarted", "in one run", "untracked"])
def later(request: pytest.FixtureRequest, book: Book) -> Callable[[], object]:
    """Let the ledger read from its records, from what it wrote, or from the memory of a replay."""
    if request.param == "untracked":
        book.ledger.untrack()
    return {"restarted": book.restart, "in one run": book.write}.get(request.param, book.forget_nothing)


def remaining(book: Book, number: str, sku: str = "sku-1") -> list[float]:
    return [receipt.remaining(sku) for receipt in book.ledger.numbered(number)]


def numbers_of(book: Book, token: str) -> list[str]:
    return [receipt.number for receipt in book.ledger.of_customer(token)]


def test_receipt_of_weeks_ago_is_found_by_its_number(book, later):
    book.days_of_sales(20, quantity=3)
    later()
    assert remaining(book, "0-7") == [3]
    assert remaining(book, "19-99") == [3]
    assert remaining(book, "20-0") == []


def test_booking_on_a_receipt_of_weeks_ago_is_kept(book, later):
    book.days_of_sales(20, quantity=3)
    later()
    book.book("0-7", 2)
    later()
    assert remaining(book, "0-7") == [1]


def test_bookings_on_more_blocks_than_are_held_are_all_kept(book, later):
    book.days_of_sales(20, quantity=3)
    for day in range(12):
        book.book(f"{day}-7", 2)
    later()
    assert [remaining(book, f"{day}-7") for day in range(12)] == [[1]] * 12


def test_booking_of_today_is_kept_when_its_block_leaves_memory(book, later):
    book.days_of_sales(5, quantity=3)
    book.book("4-7", 2)
    later()
    book.add("later", 8 * DAY)
    book.ledger.sweep(book.clock)
    assert remaining(book, "4-7") == [1]


def test_receipts_of_a_customer_are_found_the_newest_first(book, later):
    book.add("1", 0, customer_token=ANNA)
    book.days_of_sales(10, customer_token=BERT)
    book.add("2", 10 * DAY, customer_token=ANNA)
    later()
    assert numbers_of(book, ANNA) == ["2", "1"]
    assert len(numbers_of(book, BERT)) == 1000
    assert numbers_of(book, CARL) == []


def test_token_of_a_later_line_counts_too(book, later):
    book.add("1", 0)
    book.add("1", MINUTE, sku="sku-2", customer_token=ANNA)
    later()
    assert numbers_of(book, ANNA) == ["1"]


def test_token_of_a_card_is_none_of_a_customer(book):
    book.add("1", card_token=ANNA)
    assert numbers_of(book, ANNA) == []
    assert [receipt.number for receipt in book.ledger.of_card(ANNA)] == ["1"]


def test_same_number_more_than_a_day_later_is_another_receipt(book, later):
    book.add("1", 0, quantity=1)
    book.add("1", DAY, quantity=2)
    book.add("1", DAY + 1, quantity=4)
    later()
    assert remaining(book, "1") == [4, 3]


def test_lines_of_a_refund_decide_too_what_one_receipt_is(book):
    book.add("1", 0, kind="REFUND")
    book.add("1", -20 * HOUR, quantity=1)
    book.add("1", 20 * HOUR, quantity=2)
    assert remaining(book, "1") == [3]


def test_exchange_is_left_out(book):
    book.add("1", 0, quantity=1)
    book.add("1", MINUTE, quantity=2)
    assert [r.remaining("sku-1") for r in book.ledger.numbered("1", exchange=Exchange(("1",), T0, 0))] == [2]


def take_back(book: Book, number: str, *, at: int = 0, sale: bool = True, quantity: float = 1) -> None:
    book.ledger.take_back(
        (number,), sku="sku-1", time=T0 + at, is_sale=sale, quantity=quantity, amount=40.0 * quantity
    )


def test_sale_taken_back_in_part_counts_in_proportion(book, later):
    book.add("1", quantity=3, amount=120.0)
    later()
    take_back(book, "1", quantity=2)
    later()
    (receipt,) = book.ledger.numbered("1")
    assert (receipt.remaining("sku-1"), receipt.articles["sku-1"].amount) == (1, 40.0)


def test_receipt_of_which_nothing_is_left_is_none(book, later):
    book.add("1", quantity=3, amount=120.0)
    take_back(book, "1", quantity=3)
    later()
    assert remaining(book, "1") == []


def test_refund_taken_back_gives_back_the_share_of_what_it_booked(book, later):
    book.add("1", quantity=3, amount=120.0)
    book.add("2", MINUTE, kind="REFUND", quantity=4, amount=160.0)
    (receipt,) = book.ledger.numbered("1")
    book.ledger.book(book.ledger.last, receipt, "sku-1", 3)
    assert remaining(book, "1") == [0]
    later()
    take_back(book, "2", at=MINUTE, sale=False, quantity=2)
    assert remaining(book, "1") == [1.5]


def test_block_is_written_once_and_a_booking_beside_it(book):
    book.days_of_sales(10)
    book.write()
    book.book("0-7", 1)
    number = book.ledger.last.block
    assert sorted(book.write()) == sorted([f"b{number}", f"c{number}", "c0"])


def test_restarted_ledger_reads_no_block_until_a_refund_asks(book):
    book.days_of_sales(10)
    book.write()
    read: list[str] = []

    def load(name: str) -> bytes | None:
        read.append(name)
        return book.disk.get(name)

    ledger = Ledger(KEEP)
    ledger.restore(book.ledger.describe(), load)
    assert [name for name in read if name.startswith("b")] == [f"b{book.ledger.last.block}"]
    next(ledger.numbered("0-7"))
    assert [name for name in read if name.startswith("b")][1:] == ["b0"]


def test_what_is_too_old_is_forgotten_in_memory_and_in_the_records(book, later):
    book.days_of_sales(3)
    later()
    book.ledger.sweep(book.clock + KEEP + DAY)
    if book.disk:
        book.write()
    assert len(book.ledger) == 0
    assert remaining(book, "0-7") == []
    assert book.disk == {}


def test_forgetting_goes_by_day(book):
    book.days_of_sales(40)
    assert remaining(book, "0-7") == []
    assert remaining(book, "12-7") == [1]
    assert len(book.ledger) <= 32 * 100


def test_receipts_of_a_number_that_is_used_again_stay_as_they_were_when_its_first_line_is_forgotten(
    book, later
):
    # Every 20 hours a line: two are a receipt. Another receipt opens the first block, so that a block holds
    # the last line of one receipt and the first of the next, and takes that one along when it is forgotten.
    book.add("other", -10 * HOUR)
    for number in range(72):
        book.add("1", number * 20 * HOUR, quantity=(1, 2, 4, 8)[number % 4])
        book.ledger.sweep(book.clock)
        if number % 10 == 0:
            later()
    assert len(book.ledger) < 72
    # The oldest receipt may have lost its first line.
    assert set(remaining(book, "1")[:-1]) == {1 + 2, 4 + 8}


def test_beginning_of_a_receipt_is_forgotten_with_the_lines_that_may_belong_to_it(book):
    for day in range(3):
        book.add("1", day * 20 * HOUR)
    book.ledger.sweep(book.clock + KEEP - 10 * HOUR)
    book.write()
    assert "r" in book.disk
    book.add("2", 2 * KEEP)
    book.add("3", 2 * KEEP + DAY + 1)
    book.ledger.sweep(book.clock)
    book.write()
    assert "r" not in book.disk
    assert remaining(book, "2") == [1]


def test_till_with_a_clock_of_another_century_does_not_keep_its_block_for_ever(book):
    book.days_of_sales(1)
    book.add("wrong", 80 * 365 * DAY)
    book.ledger.sweep(T0 + DAY)
    book.ledger.sweep(T0 + 3 * DAY)
    book.ledger.sweep(T0 + 2 * DAY + KEEP + 2 * DAY)
    assert len(book.ledger) == 0


def test_a_damaged_record_is_a_block_without_lines(book):
    book.days_of_sales(10)
    book.restart()
    del book.disk["b0"], book.disk["i1"]
    assert remaining(book, "0-7") == []
    assert remaining(book, "9-7") == [1]


class SmallLedger(Ledger):
    most_in_memory = 3


def test_receipts_that_left_memory_in_a_rush_are_as_they_were(book):
    small = Book(SmallLedger(KEEP))
    for each in (book, small):
        for n in range(1_000):
            each.add(f"t-{n}", n, quantity=3)
            if n % 50 == 40:
                each.book(f"t-{n - 40}", 2)
            if n % 300 == 299:
                each.write()
    for n in range(0, 1_000, 7):
        assert remaining(small, f"t-{n}") == remaining(book, f"t-{n}")
    assert remaining(small, "t-0") == [1]


def test_no_more_blocks_stay_in_memory_than_a_busy_store_fills():
    book = Book(SmallLedger(KEEP))
    for n in range(1_000):
        book.add(f"t-{n}", n)
    book.write()
    written = book.disk.copy()
    book.disk.clear()  # what stayed in memory is found all the same
    known = [n for n in range(1_000) if remaining(book, f"t-{n}")]
    book.disk.update(written)
    assert known[0] >= 1_000 - 64 * (SmallLedger.most_in_memory + 1)
    assert len(known) >= 64 * SmallLedger.most_in_memory
