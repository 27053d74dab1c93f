"""One day of one store in the making: what honest trade and the scenarios both work on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Final

from data_gen.stock import Stock
from data_gen.world import MINUTE, SECOND, Catalogue, Product, Store, rng_for
from retail_anomaly.events import (
    REFUND,
    SALE,
    CountEvent,
    Event,
    GateData,
    PosEvent,
    SecurityEvent,
    ShiftEvent,
)

TENDERS: Final = ("card", "card", "card", "card", "cash", "cash", "voucher")


@dataclass(slots=True)
class StoreDay:
    """A store-day: the people at work, the stock, and the events so far.

    Parameters
    ----------
    seed, store, day, catalogue, stock
        What the day is made of.

    Attributes
    ----------
    opens, closes
        Opening hours in epoch milliseconds.
    shifts
        The rota of the day.
    sales
        Honest sale lines in order of time; scenarios pick from them.
    events
        Everything that happened, in no particular order.
    counted
        Skus that were counted after closing.
    """

    seed: int
    store: Store
    day: date
    catalogue: Catalogue
    stock: Stock
    opens: int = 0
    closes: int = 0
    shifts: list[ShiftEvent] = field(default_factory=list)
    sales: list[PosEvent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    counted: set[str] = field(default_factory=set)
    _tills: dict[str, str] = field(default_factory=dict)
    _suspects: set[str] = field(default_factory=set)
    _numbers: int = 0

    def __post_init__(self) -> None:
        self.opens, self.closes = self.store.hours(self.day)

    def rng(self, purpose: str) -> Random:
        """Return the day's generator for one purpose."""
        return rng_for(self.seed, self.store.number, self.day.isoformat(), purpose)

    # --- people ---

    def open_till(self, shift: ShiftEvent) -> None:
        """Put an employee at a till of their own for the shift."""
        self._tills[shift.employee_id] = f"till-{len(self._tills) + 1}"

    def cashier_shifts(self) -> list[ShiftEvent]:
        """Return the shifts at the tills."""
        return [shift for shift in self.shifts if shift.employee_id in self._tills]

    def on_shift(self, at: int) -> list[str]:
        """Return the cashiers at work at a time."""
        return [s.employee_id for s in self.cashier_shifts() if s.shift_start <= at <= s.shift_end]

    def suspect(self, candidates: Iterable[str], rng: Random) -> str:
        """Choose who an incident is about; no one is in two incidents on one day if it can be helped.

        Alerts of two patterns about one person could not be told apart.
        """
        candidates = sorted(candidates)
        chosen = rng.choice([c for c in candidates if c not in self._suspects] or candidates)
        self._suspects.add(chosen)
        return chosen

    # --- events ---

    def number(self, prefix: str) -> str:
        """Return an id that no other event of the chain has.

        Scrambled, for scenarios are added after honest trade: the order of making must not show.
        The numbers from 90,000 stay free.
        """
        self._numbers += 1
        scrambled = self._numbers * 7_919 % 90_000
        return f"{prefix}-{self.store.number}-{self.day:%Y%m%d}-{scrambled:05d}"

    def sale(
        self, receipt: str, cashier: str, product: Product, quantity: int, at: int, tender: str
    ) -> PosEvent:
        """Ring up one line and take the goods off the shelf."""
        self.stock.sell(product.sku, quantity)
        return PosEvent(
            transaction_id=receipt,
            store_id=self.store.store_id,
            cashier_id=cashier,
            sku=product.sku,
            amount=round(product.price * quantity, 2),
            event_type=SALE,
            event_time=at,
            quantity=quantity,
            event_id=self.number("p"),
            register_id=self._tills[cashier],
            tender=tender,
        )

    def refund(self, receipt: str, cashier: str, line: PosEvent, at: int, original: str | None) -> PosEvent:
        """Take back a line that was sold; what becomes of the goods is the caller's business."""
        return PosEvent(
            transaction_id=receipt,
            store_id=self.store.store_id,
            cashier_id=cashier,
            sku=line.sku,
            amount=line.amount,
            event_type=REFUND,
            event_time=at,
            quantity=line.quantity,
            original_transaction_id=original,
            event_id=self.number("p"),
            register_id=self._tills[cashier],
            tender=line.tender,
        )

    def gate(self, kind: str, at: int, rng: Random, *, alarm: bool) -> SecurityEvent:
        """Report what a gate at the exit saw."""
        gate = GateData(f"gate-{rng.randint(1, 2)}", alarm)
        return SecurityEvent(self.number("g"), self.store.store_id, at, kind, gate)

    def count(self, sku: str, at: int, rng: Random) -> CountEvent:
        """Count one sku, now and then one piece too many or too few."""
        error = rng.choice((-1, 1)) if rng.random() < 0.1 else 0
        morning = at < self.opens
        return CountEvent(
            store_id=self.store.store_id,
            sku=sku,
            counted_qty=max(0, self.stock.count(sku) + error),
            event_time=at,
            manager_id=self.store.managers[0 if morning else -1],
        )

    def count_after_closing(self, sku: str, rng: Random) -> CountEvent:
        """Count one sku in the evening, once the till can no longer change it."""
        self.counted.add(sku)
        at = self.closes + 10 * MINUTE + rng.randint(0, 50 * 60) * SECOND
        return self.count(sku, at, rng)
