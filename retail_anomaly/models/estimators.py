"""The models as River estimators: they take one store's receipt lines and return a score.

You can use them in River's pipelines and evaluations. The detectors run the same arithmetic over state
that is stored.
"""

from collections.abc import Mapping
from copy import deepcopy
from math import isfinite
from typing import Any, Final
from zoneinfo import ZoneInfo

from retail_anomaly.core.extras import extra_imports
from retail_anomaly.core.local_time import QUARTER, LocalTime
from retail_anomaly.models.prices import SkuPrices
from retail_anomaly.models.refunds import CashierHistory, RefundLine, RefundModel, StoreRefunds
from retail_anomaly.models.sales import JudgedQuarter, SalesHistory, SalesModel

with extra_imports():
    from river.base import AnomalyDetector

_BUCKETS: Final = 192
_EARLIEST: Final = 946_684_800_000
_LATEST: Final = 253_402_300_799_999


class RefundEstimator(AnomalyDetector):
    """Score a refund by how rare it makes its cashier's day.

    Parameters
    ----------
    time_zone
        The store's time zone, an IANA name.
    half_life
        Days after which the store's history counts half.
    prior_refunds
        How many refunds of a cashier weigh as much as those of the cashier's role.
    protect
        A day rarer than this is not learned.
    limit
        The amount that dishonest refunds stay just under.

    Notes
    -----
    A line is a dictionary with ``time`` (epoch milliseconds), ``cashier``, ``kind`` (``SALE`` or
    ``REFUND``), ``sku`` and ``amount``; optional are ``receipt``, ``quantity``, ``original``, ``tender``,
    ``role`` and ``off_shift``. A line without time, cashier or kind, or whose time or amount is not a number,
    scores 0 and teaches nothing.

    Examples
    --------
    >>> model = RefundEstimator()
    >>> for n in range(9_000):  # a quarter of an hour each: 94 days
    ...     at = 1_735_689_600_000 + n * 900_000
    ...     line = {"time": at, "cashier": f"c-{n % 4}", "sku": "k", "amount": 9.0, "receipt": f"t{n}"}
    ...     model.learn_one(line | {"kind": "REFUND" if n % 37 == 0 else "SALE"})
    >>> def refund(number):
    ...     at = 1_735_689_600_000 + 9_000 * 900_000 + number
    ...     line = {"time": at, "cashier": "c-1", "kind": "REFUND", "sku": "k", "amount": 9.0}
    ...     return line | {"receipt": f"r{number}"}
    >>> first = model.score_one(refund(0))
    >>> for number in range(8):
    ...     model.learn_one(refund(number))
    >>> first < 0.9 < model.score_one(refund(8)) <= 1
    True
    """

    def __init__(
        self,
        time_zone: str = "UTC",
        half_life: float = 30.0,
        prior_refunds: float = 4.0,
        protect: float = 0.01,
        limit: float = 100.0,
    ) -> None:
        self.time_zone = time_zone
        self.half_life = half_life
        self.prior_refunds = prior_refunds
        self.protect = protect
        self.limit = limit
        self._model = RefundModel(half_life=half_life, prior_refunds=prior_refunds, protect=protect)
        self._local = LocalTime(ZoneInfo(time_zone))
        self._store = StoreRefunds()
        self._cashiers: dict[str, CashierHistory] = {}
        self._prices = SkuPrices.of(_BUCKETS)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Count a line; the days before its own are learned."""
        if not _is_line(x):
            return
        cashier = self._cashiers.setdefault(str(x["cashier"]), CashierHistory())
        if not self._model.begin_day(self._local.of(x["time"])[0], cashier, self._store):
            return
        if x["kind"] == "SALE":
            cashier.count_sale(x["time"])
            self._prices.see(str(x.get("sku")), x["amount"] / _quantity(x), cashier.day)
        elif x["kind"] == "REFUND":
            self._count(x, cashier)
            tails = self._model.judge(x["time"], cashier, self._store)
            cashier.strongest = max(cashier.strongest, tails.strength)

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return 1 minus the share of cashier days as unusual as this one with the line; 0 for a sale."""
        if not _is_line(x) or x["kind"] != "REFUND":
            return 0.0
        cashier = deepcopy(self._cashiers.get(str(x["cashier"]), CashierHistory()))
        store = deepcopy(self._store)
        if not self._model.begin_day(self._local.of(x["time"])[0], cashier, store):
            return 0.0
        self._count(x, cashier)
        return 1 - store.rank.chance_of(self._model.judge(x["time"], cashier, store).strength)

    def _count(self, x: Mapping[Any, Any], cashier: CashierHistory) -> None:
        if x.get("role") is not None:
            cashier.change_role(str(x["role"]))
        price = self._prices.get(str(x.get("sku")))
        amount = x["amount"]
        cashier.count_refund(
            RefundLine(
                x["time"],
                str(x.get("receipt", x["time"])),
                str(x.get("sku")),
                amount,
                original=str(x.get("original") or ""),
                off_shift=x.get("off_shift") is True,
                overpriced=price is not None and amount > 1.1 * price * _quantity(x),
                near_limit=0.8 * self.limit <= amount < self.limit,
                no_sale_named=not x.get("original"),
                cash=str(x.get("tender")).lower() == "cash",
            )
        )


class SalesEstimator(AnomalyDetector):
    """Score a moment by how rare the quarters of an hour since the last line were for the store.

    Parameters
    ----------
    time_zone
        The store's time zone, an IANA name.
    memory
        How many of a weekday's past days count.
    level_gain
        The share of a day's deviation that is taken as a new level.
    protect
        A quarter rarer than this counts half.

    Attributes
    ----------
    quarters
        The quarters that the last learned line brought to their end.

    Notes
    -----
    A line is a dictionary with ``time`` (epoch milliseconds), ``receipt``, ``sku`` and ``amount``;
    ``quantity`` is optional. A refund (``kind``) only lets time pass.

    Examples
    --------
    >>> model = SalesEstimator()
    >>> start = 1_735_689_600_000
    >>> for n in range(60 * 96 * 3):  # three receipts a quarter, day and night, for 60 days
    ...     model.learn_one({"time": start + n * 300_000, "receipt": f"t{n}", "sku": "k", "amount": 9.0})
    >>> end = start + 60 * 96 * 900_000
    >>> usual, silent = model.score_one({"time": end}), model.score_one({"time": end + 2 * 3_600_000})
    >>> usual < 0.9 < 0.99 < silent
    True
    """

    def __init__(
        self,
        time_zone: str = "UTC",
        memory: float = 10.0,
        level_gain: float = 0.2,
        protect: float = 0.002,
    ) -> None:
        self.time_zone = time_zone
        self.memory = memory
        self.level_gain = level_gain
        self.protect = protect
        self.quarters: list[JudgedQuarter] = []
        self._model = SalesModel(memory=memory, level_gain=level_gain, protect=protect)
        self._local = LocalTime(ZoneInfo(time_zone))
        self._history = SalesHistory()
        self._prices = SkuPrices.of(_BUCKETS)

    def learn_one(self, x: Mapping[Any, Any]) -> None:
        """Count a line; the quarters before its own are learned."""
        if not _has_time(x):
            return
        block, history = x["time"] // QUARTER, self._history
        if block > history.block:
            self.quarters = list(self._model.pass_time(block, self._local, history))
        if not _is_number(x.get("amount")) or x.get("kind", "SALE") != "SALE":
            return
        if self._model.accepts(block, history):
            receipt, sku = str(x.get("receipt", x["time"])), str(x.get("sku"))
            ratio = self._prices.see(sku, x["amount"] / _quantity(x), history.day).ratio
            history.count_sale(receipt, sku, x["time"], x["amount"], ratio)

    def score_one(self, x: Mapping[Any, Any]) -> float:
        """Return 1 minus the share of quarters as unusual as the rarest one since the last line."""
        if not _has_time(x) or not self._history.block:
            return 0.0
        quarters = list(self._model.pass_time(x["time"] // QUARTER, self._local, deepcopy(self._history)))
        over = quarters or self.quarters
        return 1 - min((min(quarter.drop, quarter.spike) for quarter in over), default=1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and isfinite(value) and value >= 0


def _quantity(x: Mapping[Any, Any]) -> float:
    quantity = x.get("quantity", 1)
    return quantity if _is_number(quantity) and quantity > 0 else 1


def _has_time(x: Mapping[Any, Any]) -> bool:
    time = x.get("time")
    return isinstance(time, int) and _EARLIEST <= time <= _LATEST


def _is_line(x: Mapping[Any, Any]) -> bool:
    return _has_time(x) and "cashier" in x and "kind" in x and _is_number(x.get("amount"))
