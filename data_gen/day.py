"""One day of one store while it is simulated; honest trade and the scenarios add to it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any, Final, NamedTuple

import msgspec

from data_gen.demand import expected_receipts, has_short_hours
from data_gen.stock import ShelfStock, exact
from data_gen.till_rates import TillRates
from data_gen.world import CASHIER, MINUTE, SECOND, Catalogue, Employee, Product, Store, rng_for
from retail_anomaly.core.events import (
    REFUND,
    SALE,
    CountEvent,
    Event,
    GateData,
    MovementEvent,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
    TillEvent,
)

# Time goes in steps of 4 ms, and each topic has its own millisecond of a step (shifts the first). So no two
# topics have events of a store at the same time, and no alert depends on the order of topics.
_STEP: Final = 4
_POS, _SECURITY, _COUNT = 1, 2, 3


class Buyer(NamedTuple):
    """A customer as a till sees one: the means of payment, and tokens where there are any."""

    tender: str
    customer: str | None = None
    card: str | None = None
    gift_card: str | None = None


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who is really at a till, whatever the rota says."""

    employee: Employee
    start: int
    end: int
    till: str


@dataclass(slots=True)
class Outage:
    """A time in which no till works, and the sales lost because of it."""

    start: int
    end: int
    lost: float = 0.0


@dataclass(frozen=True, slots=True)
class Offer:
    """An article at another price, and the number of customers who come for it."""

    product: Product
    start: int
    end: int
    price: float
    visits: int


@dataclass(slots=True)
class StoreDay:
    """A store-day: the people at work, the stock, and the events so far.

    Parameters
    ----------
    seed, store, start, day, catalogue, stock
        The world and the day; the store grows from `start` on.
    staff
        The people who work in the store at present, by id.
    rates
        How often people do at the tills what thieves do, too; a scenario may change them for its day.

    Attributes
    ----------
    opens, closes
        Opening hours in epoch milliseconds.
    expected
        Receipts to be expected.
    shifts
        The rota of the day, as published.
    presences
        The people at each till, with their times.
    sales
        Honest sale lines in order of time; scenarios pick from them.
    events
        Everything that happened, in no particular order.
    counted
        Skus that were counted after closing.
    outages, offers, trainees
        Today's exceptions, set before the trade begins: a trainee's receipts often go wrong.
    typists
        Share of the lines that some people type instead of scanning them.
    return_desk, more_returns
        One who takes all returns of the day; the share of receipts that come back on top.
    damaged
        Lines brought back that cannot be sold again.
    """

    seed: int
    store: Store
    start: date
    day: date
    catalogue: Catalogue
    stock: ShelfStock
    staff: dict[str, Employee]
    rates: TillRates = field(default_factory=TillRates)
    opens: int = 0
    closes: int = 0
    expected: float = 0.0
    shifts: list[ShiftEvent] = field(default_factory=list)
    presences: list[Presence] = field(default_factory=list)
    sales: list[PosEvent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    outages: list[Outage] = field(default_factory=list)
    offers: list[Offer] = field(default_factory=list)
    trainees: set[str] = field(default_factory=set)
    typists: dict[str, float] = field(default_factory=dict)
    return_desk: str | None = None
    more_returns: float = 0.0
    damaged: list[PosEvent] = field(default_factory=list)
    _tills: dict[str, str] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)
    _numbers: int = 0
    _stamp: str = ""

    def __post_init__(self) -> None:
        self.opens, self.closes = self.store.hours(self.day, short=has_short_hours(self.seed, self.day))
        self.expected = expected_receipts(self.seed, self.store, self.start, self.day)
        self._stamp = f"{self.store.number}-{self.day:%Y%m%d}"

    def rng(self, purpose: str) -> Random:
        """Return the day's generator for one purpose."""
        return rng_for(self.seed, self.store.number, self.day.isoformat(), purpose)

    # --- people ---

    def work(self, employee: Employee, start: int, end: int, till: str) -> None:
        """Put an employee at a till."""
        self.presences.append(Presence(employee, start, end, till))
        self._tills.setdefault(employee.employee_id, till)

    def cashiers(self, at: int | None = None) -> list[str]:
        """Return the cashiers at the tills today, or at a time; those of the service desk are not."""
        return [
            p.employee.employee_id
            for p in self.presences
            if p.employee.role == CASHIER and (at is None or p.start <= at <= p.end)
        ]

    def present(self, at: int) -> list[str]:
        """Return everybody who is at a till or the service desk at a time."""
        return [p.employee.employee_id for p in self.presences if p.start <= at <= p.end]

    def hours_of(self, employee_id: str) -> tuple[int, int] | None:
        """Return from when to when an employee is at the till today, in opening hours."""
        spans = [(p.start, p.end) for p in self.presences if p.employee.employee_id == employee_id]
        if not spans:
            return None
        return max(self.opens, spans[0][0]), min(self.closes, spans[0][1])

    def suspect(self, candidates: Iterable[str], rng: Random) -> str | None:
        """Choose the employee of an incident; if possible, one who is in no other incident.

        Otherwise alerts of two patterns about one person could not be told apart.
        """
        candidates = sorted(candidates)
        free = [c for c in candidates if c not in self._suspects]
        if not candidates:
            return None
        chosen = rng.choice(free or candidates)
        self._suspects.add(chosen)
        return chosen

    def manager(self, at: int) -> str:
        """Return the manager who has the keys at a time."""
        return f"m-{self.store.number}-{1 if at < (self.opens + self.closes) // 2 else 2}"

    def can_ring_up(self, at: int) -> bool:
        """Tell whether the tills work at a time, and stay open for some minutes."""
        working = not any(outage.start <= at <= outage.end for outage in self.outages)
        return working and self.opens <= at < self.closes - 5 * MINUTE

    def keep_apart(self, employee_id: str) -> None:
        """Keep an employee out of other incidents today."""
        self._suspects.add(employee_id)

    # --- events ---

    def number(self, prefix: str) -> str:
        """Return an id that no other event of the chain has.

        Ids are scrambled: scenarios are added after honest trade, and their ids must not show that order.
        The numbers from 90,000 stay free.
        """
        self._numbers += 1
        return f"{prefix}-{self._stamp}-{self._numbers * 7_919 % 90_000:05d}"

    def sale(
        self,
        receipt: str,
        cashier: str,
        product: Product,
        quantity: float,
        at: int,
        buyer: Buyer,
        price: float | None = None,
    ) -> PosEvent:
        """Ring up one line and take the goods off the shelf."""
        self.stock.sell(product.sku, quantity)
        line = PosEvent(
            receipt,
            self.store.store_id,
            cashier,
            product.sku,
            round((product.price if price is None else price) * quantity, 2),
            SALE,
            at - at % _STEP + _POS,
            quantity,
            None,
            self.number("p"),
            self._tills[cashier],
            buyer.tender,
            customer_token=buyer.customer,
            card_token=buyer.card,
        )
        if product.weighed or buyer.gift_card:
            unit_price = product.price if product.weighed else None
            line = msgspec.structs.replace(line, unit_price=unit_price, gift_card_token=buyer.gift_card)
        return line

    def refund(
        self,
        receipt: str,
        cashier: str,
        line: PosEvent,
        at: int,
        original: str | None,
        amount: float | None = None,
        **tokens: Any,
    ) -> PosEvent:
        """Take back a line that was sold; the caller decides where the goods go."""
        return PosEvent(
            receipt,
            self.store.store_id,
            cashier,
            line.sku,
            line.amount if amount is None else amount,
            REFUND,
            at - at % _STEP + _POS,
            line.quantity,
            original,
            self.number("p"),
            self._tills[cashier],
            line.tender,
            **tokens,
        )

    def again(self, line: PosEvent, receipt: str, at: int) -> PosEvent:
        """Ring up a line once more, on this receipt; the goods stay where they are."""
        return msgspec.structs.replace(
            line, transaction_id=receipt, event_time=at - at % _STEP + _POS, event_id=self.number("p")
        )

    def at_till(self, kind: str, cashier: str, at: int, **details: Any) -> TillEvent:
        """Report a POS event that is no receipt line; `details` are further fields of it."""
        return TillEvent(
            self.store.store_id,
            cashier,
            kind,
            at - at % _STEP + _POS,
            event_id=self.number("p"),
            register_id=self._tills[cashier],
            **details,
        )

    def movement(self, sku: str, quantity: float, at: int, reason: str) -> MovementEvent:
        """Book goods that come in, or with a negative quantity go out, without a sale."""
        return MovementEvent(
            self.store.store_id,
            sku,
            quantity,
            at - at % _STEP,
            reason,
            self.number("v"),
            f"m-{self.store.number}-{1 if at < self.opens else 2}",
        )

    def gate(self, kind: str, at: int, rng: Random, *, alarm: bool) -> SecurityEvent:
        """Report an event of a gate at the exit."""
        gate = GateData(f"gate-{rng.randint(1, 2)}", alarm)
        at += _SECURITY - at % _STEP
        return SecurityEvent(self.number("g"), self.store.store_id, at, kind, gate)

    def count(self, sku: str, at: int, error: int = 0) -> CountEvent:
        """Count one sku, now and then some pieces too many or too few."""
        return CountEvent(
            store_id=self.store.store_id,
            sku=sku,
            counted_qty=max(0, exact(self.stock.count(sku) + error)),
            event_time=at - at % _STEP + _COUNT,
            manager_id=f"m-{self.store.number}-{1 if at < self.opens else 2}",
        )

    def count_after_closing(self, sku: str, rng: Random, error: int = 0) -> CountEvent:
        """Count one sku in the evening, once the till can no longer change it."""
        self.counted.add(sku)
        at = self.closes + 10 * MINUTE + rng.randint(0, 50 * 60) * SECOND
        return self.count(sku, at, error)
