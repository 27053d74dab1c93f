"""The tills' own language in honest trade: voids, discounts, drawers, gift cards, weights, numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pytest

from data_gen import Simulation
from data_gen.till_rates import TillRates
from data_gen.world import make_catalogue
from retail_anomaly.core.events import CountEvent, Event, MovementEvent, PosEvent, TillEvent

pytestmark = pytest.mark.long

MINUTE = 60_000
DAY = 86_400_000
RATES = TillRates.read("line_voids=.05,voids=.02,post_voids=.02,overrides=.02,employees=.02,gift_cards=.05")


@cache
def honest(numbered_by: Any = "store") -> list[Event]:
    """Return twelve days of two honest stores whose tills do everything often."""
    return list(
        Simulation(
            stores=2,
            days=12,
            seed=3,
            incident_rate=0,
            distractor_rate=0,
            volumes=["small", "medium"],
            rates=RATES,
            numbered_by=numbered_by,
        ).events()
    )


def lines(kind: str, events: list[Event] | None = None) -> list[PosEvent]:
    found = honest() if events is None else events
    return [e for e in found if isinstance(e, PosEvent) and e.event_type == kind]


def at_tills(kind: str) -> list[TillEvent]:
    return [e for e in honest() if isinstance(e, TillEvent) and e.event_type == kind]


def receipts() -> dict[str, list[PosEvent]]:
    found: dict[str, list[PosEvent]] = defaultdict(list)
    for line in lines("SALE"):
        found[line.transaction_id].append(line)
    return found


def test_a_line_void_takes_a_line_of_its_own_receipt_back_seconds_later():
    voided = lines("LINE_VOID")
    assert len(voided) > 50
    for void in voided:
        same = [
            line for line in receipts()[void.transaction_id]
            if (line.sku, line.quantity, line.amount, line.cashier_id, line.register_id)
            == (void.sku, void.quantity, void.amount, void.cashier_id, void.register_id)
        ]  # fmt: skip
        assert len(same) >= 2  # once for the customer, once by mistake
        assert 0 < void.event_time - same[0].event_time <= 20_000


def test_a_supervisor_takes_receipts_back_and_no_customer_returns_what_was_taken_back():
    voided = at_tills("POST_VOID")
    assert len(voided) > 20
    refunded = {e.original_transaction_id or e.transaction_id for e in lines("REFUND")}
    for void in voided:
        sold = receipts()[void.transaction_id or ""]
        assert sold
        assert all(MINUTE <= void.event_time - line.event_time <= 8 * MINUTE for line in sold)
        assert void.approver_id in {f"m-{void.store_id[-1]}-1", f"m-{void.store_id[-1]}-2"}
        assert void.register_id == sold[0].register_id
    assert not refunded & {void.transaction_id for void in voided}


def test_a_basket_that_is_left_is_voided_under_its_own_number():
    voided = at_tills("VOID")
    assert len(voided) > 20
    for void in voided:
        left = receipts()[void.transaction_id or ""]
        assert left
        assert all(line.event_time < void.event_time for line in left)
        assert all(line.cashier_id == void.cashier_id for line in left)


def test_a_drawer_opens_at_most_four_times_a_day_for_one_cashier():
    opened = Counter((e.store_id, e.cashier_id, e.event_time // DAY) for e in at_tills("NO_SALE"))
    assert max(opened.values()) <= 4
    assert sum(opened.values()) > 100


def test_a_lower_price_says_what_the_list_price_was():
    lower = [line for line in lines("SALE") if line.discount_amount is not None]
    assert len(lower) > 100
    for line in lower:
        assert line.list_price is not None
        assert line.discount_amount is not None
        assert line.amount + line.discount_amount == pytest.approx(line.list_price * line.quantity, abs=0.2)
    by_hand = [line for line in lower if line.approver_id]
    assert all(str(line.approver_id).startswith("m-") and line.reason_code for line in by_hand)
    overrides = {(e.transaction_id, e.sku, e.discount_amount) for e in at_tills("PRICE_OVERRIDE")}
    again = {(line.transaction_id, line.sku, line.discount_amount) for line in by_hand} - overrides
    assert len(overrides) > 50
    assert len(again) < 0.1 * len(overrides)  # rung up once more after a post-void
    assert any(line.employee_discount for line in lower)


def test_a_gift_card_is_spent_on_a_later_day_and_never_beyond_what_was_loaded():
    loaded = {e.gift_card_token: e for e in at_tills("GIFT_CARD_LOAD")}
    spent = at_tills("GIFT_CARD_REDEEM")
    assert spent
    for redemption in spent:
        card = loaded[redemption.gift_card_token]
        assert card.amount is not None
        assert redemption.amount is not None
        assert redemption.amount <= card.amount
        assert redemption.event_time // DAY > card.event_time // DAY
        assert redemption.transaction_id in receipts()


def test_weighed_goods_are_sold_to_the_gram_and_everything_else_in_pieces():
    weighed = {p.sku: p.price for p in make_catalogue(3).products if p.weighed}
    assert weighed
    sold = [line for line in lines("SALE") if line.sku in weighed]
    assert sum(line.quantity % 1 != 0 for line in sold) > 0.9 * len(sold) > 50
    assert all(round(line.quantity, 3) == line.quantity for line in sold)
    plain = [line for line in sold if line.discount_amount is None]
    assert all(line.amount == round(weighed[line.sku] * line.quantity, 2) for line in plain)
    assert all(isinstance(line.quantity, int) for line in lines("SALE") if line.sku not in weighed)


def test_the_books_agree_with_the_counts_when_voids_and_movements_are_read():
    """What was sold, taken back, refunded and moved explains each count, but for slips and breakage."""
    known: dict[tuple[str, str], float] = {}
    moved: defaultdict[tuple[str, str], float] = defaultdict(float)
    off: list[float] = []
    sold = receipts()
    for e in honest():
        if isinstance(e, PosEvent) and e.event_type != "REFUND":
            moved[e.store_id, e.sku] += e.quantity * (-1 if e.event_type == "SALE" else 1)
        elif isinstance(e, PosEvent):
            moved[e.store_id, e.sku] += e.quantity
        elif isinstance(e, TillEvent) and e.event_type in ("VOID", "POST_VOID"):
            for line in sold[e.original_transaction_id or e.transaction_id or ""]:
                moved[e.store_id, line.sku] += line.quantity
        elif isinstance(e, MovementEvent):
            moved[e.store_id, e.sku] += e.quantity
        elif isinstance(e, CountEvent):
            key = e.store_id, e.sku
            if key in known:
                off.append(known[key] + moved[key] - e.counted_qty)
            known[key], moved[key] = e.counted_qty, 0.0
    assert len(off) > 700
    assert sum(abs(each) > 4 for each in off) < 0.03 * len(off)
    assert sum(abs(each) < 1e-6 for each in off) > 0.6 * len(off)


def test_a_return_names_its_sale_or_only_the_customer_or_nothing():
    refunds = lines("REFUND")
    named = [e for e in refunds if e.original_transaction_id]
    by_token = [e for e in refunds if not e.original_transaction_id and (e.customer_token or e.card_token)]
    assert len(named) > 0.5 * len(refunds)
    assert 0 < len(by_token) < 0.3 * len(refunds)
    for refund in by_token:
        token = refund.customer_token or refund.card_token
        assert any(
            token in (line.customer_token, line.card_token) and line.sku == refund.sku
            for line in lines("SALE")
            if line.event_time < refund.event_time
        )


def test_an_exchange_is_a_refund_and_a_sale_on_one_receipt():
    refunds = {(e.transaction_id, e.event_time): e.original_transaction_id for e in lines("REFUND")}
    exchanged = [line for line in lines("SALE") if (line.transaction_id, line.event_time) in refunds]
    assert exchanged
    assert all(refunds[line.transaction_id, line.event_time] != line.transaction_id for line in exchanged)


@pytest.mark.parametrize("numbered_by", ["register", "register_day"])
def test_tills_that_number_for_themselves_meet_in_numbers_but_not_within_their_own(numbered_by):
    events = [e for e in honest(numbered_by) if isinstance(e, PosEvent | TillEvent)]
    daily = numbered_by == "register_day"
    people: dict[tuple[Any, ...], set[tuple[str, int]]] = defaultdict(set)
    stores: dict[tuple[str, str], set[str | None]] = defaultdict(set)
    for e in lines("SALE", list(events)):
        assert (e.business_date is not None) == daily
        people[e.store_id, e.register_id, e.business_date, e.transaction_id].add((e.cashier_id, e.event_time))
        stores[e.store_id, e.transaction_id].add(e.register_id)
    assert all(len(moments) == 1 for moments in people.values())
    assert sum(len(registers) > 1 for registers in stores.values()) > 100
    sold = set(people)
    named = [e for e in lines("REFUND", list(events)) if e.original_register_id]
    assert len(named) > 20
    for e in named:
        day = e.original_business_date
        assert (e.store_id, e.original_register_id, day, e.original_transaction_id) in sold


def test_rates_of_none_leave_sales_and_refunds_alone():
    plain = Simulation(stores=1, days=2, seed=3, incident_rate=0, distractor_rate=0, rates=TillRates.none())
    kinds = Counter(getattr(e, "event_type", type(e).__name__) for e in plain.events())
    assert set(kinds) <= {"SALE", "REFUND", "ShiftEvent", "CountEvent", "DOOR_OPEN", "GATE_ALARM"}


@pytest.mark.parametrize(
    ("text", "said"), [("speed=2", "expected one of"), ("voids=2", "from 0 to 1"), ("voids=x", "a number")]
)
def test_a_rate_that_makes_no_sense_is_named(text, said):
    with pytest.raises(ValueError, match=said):
        TillRates.read(text)
