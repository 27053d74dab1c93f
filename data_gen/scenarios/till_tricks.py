"""Tricks at the tills, one for each packaged rule that no other scenario is meant for.

They are injected only where you name them: the worlds of all other seeds stay as they are.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

import msgspec

from data_gen.day import Buyer, StoreDay
from data_gen.honest.drawers import opened
from data_gen.honest.prices import override, reduced
from data_gen.honest.routine import PAID_OUT, SUSPEND, cash_of, copied, counted, practised
from data_gen.honest.voids import scan_twice
from data_gen.scenarios.base import Course, Scenario, plain_lines, spread
from data_gen.world import CASHIER, HOUR, MINUTE, SECOND
from retail_anomaly.core.events import VOID, PosEvent, TillEvent

Acts = Sequence[PosEvent | TillEvent]
ROUND: Final = (150.0, 100.0, 75.0, 50.0, 40.0, 30.0, 25.0, 20.0)
STAFF_CARD: Final = "card-staff-1"
"""The card of an employee, for the list `staff_tokens`."""


@dataclass(frozen=True, kw_only=True)
class TillTrick(Scenario):
    """A day on which one cashier does something at the till.

    Parameters
    ----------
    lines
        The fewest lines that the cashier has sold on that day.
    """

    rate: float = 0.5
    first_day: int = 1
    lines: int = 20

    def act(self, course: Course, day: StoreDay) -> None:
        """Choose a cashier who has sold something, and let them act."""
        own: dict[str, list[PosEvent]] = {}
        for line in day.sales:
            own.setdefault(line.cashier_id, []).append(line)
        busy = [c for c in set(day.cashiers()) if len(own.get(c, ())) >= self.lines]
        course.employee = day.suspect(busy, course.rng)
        if course.employee is not None:
            acts = self.acts(day, course.employee, own[course.employee], course.rng)
            course.commit(day, sorted(acts, key=lambda event: event.event_time))

    @abstractmethod
    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Return what the cashier does; `own` are the lines that they sold honestly."""


class NightDrawer(TillTrick):
    """Somebody opens a drawer four hours after closing."""

    name = "night_drawer"
    detector = "rule:after_hours"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Open it twice."""
        # Stores close at 18 to 20 o'clock.
        at = day.closes + 4 * HOUR + rng.randint(5, 25) * MINUTE
        return [opened(day, cashier, at + n * 9 * MINUTE) for n in range(2)]


class VoidTheft(TillTrick):
    """One receipt for twelve sold lines is given up after the customer has paid it."""

    name = "void_theft"
    detector = "rule:void_rate"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Ring up an article that was just sold once more, and void it when the customer has gone."""
        events: list[PosEvent | TillEvent] = []
        for line in rng.sample(own, len(own) // 12):
            number = day.number("t")
            events.append(day.again(line, number, line.event_time + MINUTE))
            events.append(day.at_till(VOID, cashier, line.event_time + 2 * MINUTE, transaction_id=number))
        return events


class LineVoidTheft(TillTrick):
    """Every fifth article of friends is scanned and taken off again."""

    name = "line_void_theft"
    detector = "rule:line_void_rate"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Scan lines once more and take them off."""
        chosen = rng.sample(own, len(own) // 5)
        return [event for line in chosen for event in scan_twice(day, line, rng)]


class Giveaway(TillTrick):
    """Four to six articles go at a third of their price."""

    name = "giveaway"
    detector = "rule:deep_discount"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Sell them."""
        fit = [p for p in day.catalogue.products if 10 <= p.price <= 60 and day.stock.can_sell(p.sku, 1)]
        times = spread(day, cashier, min(len(fit), rng.randint(4, 6)), rng)
        goods = rng.sample(fit, len(times))
        return [
            reduced(day.sale(day.number("t"), cashier, product, 1, at, Buyer("card")), 0.33)
            for product, at in zip(goods, times, strict=True)
        ]


class OverrideAbuse(TillTrick):
    """The price of every seventh line is typed over."""

    name = "override_abuse"
    detector = "rule:price_override_rate"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Report the overrides."""
        return [
            override(day, reduced(line, 0.6), "PRICE_MATCH", day.manager(line.event_time))
            for line in rng.sample(own, len(own) // 7)
        ]


class TypedArticles(TillTrick):
    """A cashier types the numbers of cheap articles for half of the lines."""

    name = "typed_articles"
    detector = "rule:keyed_lines"

    def prepare(self, course: Course, day: StoreDay) -> None:
        """Choose the cashier among all; on some days they are not at work."""
        cashiers = [e.employee_id for e in day.staff.values() if e.role == CASHIER]
        course.employee = day.suspect(cashiers, course.rng)
        if course.employee is not None:
            day.typists[course.employee] = 0.5

    def act(self, course: Course, day: StoreDay) -> None:
        """Record the typed lines."""
        own = [line for line in day.sales if line.cashier_id == course.employee]
        if len(own) >= self.lines:
            times, ids = [line.event_time for line in own], [line.transaction_id for line in own]
            course.happened(min(times), max(times), loss=float(len(own)), transactions=ids)

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Do nothing more: the lines are typed already."""
        return []


class PaidOutTheft(TillTrick):
    """Cash is paid out for an expense that nobody approves."""

    name = "paid_out_theft"
    detector = "rule:paid_out"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Pay it out once."""
        amount = round(rng.uniform(55, 140), 2)
        times = spread(day, cashier, 1, rng)
        return [day.at_till(PAID_OUT, cashier, at, amount=amount, reason_code="SUPPLIES") for at in times]


class TillShortage(TillTrick):
    """A tenth of the cash is missing in the evening, in a drawer that should hold 400 or more."""

    name = "till_shortage"
    detector = "rule:cash_variance"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Count too little."""
        expected, hours = cash_of(day, cashier), day.hours_of(cashier)
        if expected < 400 or hours is None:
            return []
        return [counted(day, cashier, hours[1] + 12 * MINUTE, expected, 0.9 * expected)]


class StolenCard(TillTrick):
    """A stolen card pays six receipts within half an hour."""

    name = "stolen_card"
    detector = "rule:card_velocity"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Sell to the thief."""
        fit = [p for p in day.catalogue.products if 20 <= p.price <= 90 and day.stock.can_sell(p.sku, 1)]
        times = spread(day, cashier, 1, rng)
        if len(fit) < 6 or not times:
            return []
        thief = Buyer("card", card=day.number("card"))
        return [
            day.sale(day.number("t"), cashier, product, 1, times[0] + n * 2 * MINUTE, thief)
            for n, product in enumerate(rng.sample(fit, 6))
        ]


class InventedRefunds(TillTrick):
    """Five to seven refunds of round amounts, each on the receipt of something dearer."""

    name = "invented_refunds"
    detector = "rule:round_amounts"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Refund for cash."""
        return _refunds(day, cashier, rng, rng.randint(5, 7), is_round=True)


class OwnApproval(TillTrick):
    """A cashier approves a refund of their own."""

    name = "own_approval"
    detector = "rule:self_approved"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Refund and approve."""
        return [
            msgspec.structs.replace(refund, approver_id=cashier) for refund in _refunds(day, cashier, rng, 1)
        ]


class RefundToStaff(TillTrick):
    """A refund goes to the card of an employee."""

    name = "refund_to_staff"
    detector = "rule:own_card"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Refund to the card."""
        refunds = _refunds(day, cashier, rng, 1)
        return [msgspec.structs.replace(refund, tender="card", card_token=STAFF_CARD) for refund in refunds]


class ParkedReceipt(TillTrick):
    """A receipt is suspended, the customer pays, and nobody resumes it."""

    name = "parked_receipt"
    detector = "rule:suspend_without_resume"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Suspend it in the morning, so that the day is long enough."""
        at = min(line.event_time for line in own) + MINUTE
        return [day.at_till(SUSPEND, cashier, at, transaction_id=day.number("t"))]


class CopiedReceipts(TillTrick):
    """Four receipts are printed again, for invented refunds."""

    name = "copied_receipts"
    detector = "rule:receipt_copies"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Print them."""
        return [copied(day, line, line.event_time + 2 * MINUTE) for line in rng.sample(own, 4)]


class GiftCardCash(TillTrick):
    """A gift card that was never paid for is refunded in cash."""

    name = "gift_card_cash"
    detector = "rule:refund_of_gift_card"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Refund it."""
        token = day.number("gift")
        return [
            msgspec.structs.replace(refund, tender="cash", gift_card_token=token)
            for refund in _refunds(day, cashier, rng, 1)
        ]


class PaidPractice(TillTrick):
    """Customers pay five lines in cash while the till is in training mode."""

    name = "paid_practice"
    detector = "rule:training_with_cash"

    def acts(self, day: StoreDay, cashier: str, own: list[PosEvent], rng: Random) -> Acts:
        """Ring up what others bought, in training mode."""
        times = spread(day, cashier, 1, rng)
        chosen = rng.sample(own, 5) if times else []
        return [
            practised(day, line, cashier, times[0] + n * 50 * SECOND, "cash") for n, line in enumerate(chosen)
        ]


def _refunds(
    day: StoreDay, cashier: str, rng: Random, number: int, *, is_round: bool = False
) -> list[PosEvent]:
    """Refund real sales without goods that come back, in round amounts or in full."""
    lines = plain_lines(day, 21, 170)
    found = []
    for at in spread(day, cashier, number, rng):
        sold = [line for line in lines if line.event_time < at - 20 * MINUTE]
        if not sold:
            continue
        line = rng.choice(sold)
        lines.remove(line)
        day.stock.refund_without_goods(line.sku, line.quantity)
        amount = next(each for each in ROUND if each <= line.amount) if is_round else None
        found.append(day.refund(day.number("t"), cashier, line, at, line.transaction_id, amount))
    return [msgspec.structs.replace(refund, tender="cash") for refund in found]


TILL_TRICKS: Final[dict[str, Scenario]] = {
    trick.name: trick
    for trick in (
        NightDrawer(),
        VoidTheft(lines=70),
        LineVoidTheft(lines=60),
        Giveaway(),
        OverrideAbuse(lines=70),
        TypedArticles(),
        PaidOutTheft(),
        TillShortage(),
        StolenCard(),
        InventedRefunds(),
        OwnApproval(),
        RefundToStaff(),
        ParkedReceipt(),
        CopiedReceipts(),
        GiftCardCash(),
        PaidPractice(),
    )
}
