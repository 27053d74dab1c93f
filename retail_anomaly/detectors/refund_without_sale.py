"""REFUND_WITHOUT_SALE: a refund whose sale this store does not know."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    REFUND,
    AgedIds,
    Alert,
    Detector,
    DetectorState,
    Duration,
    ForgottenSales,
    KeptSale,
    Margin,
    Named,
    Parameters,
    PosEvent,
    Range,
    StoreMemory,
    Table,
    TakenLine,
    TimedIds,
    agrees,
    series_hash,
    text_hash,
    token_hash,
)

_DAY: Final = 86_400_000
_HOUR: Final = 3_600_000
_MINUTE: Final = 60_000
_EXCHANGE: Final = 30 * 60_000  # how far apart the numbered lines of an exchange may be
_LEAST_RISK: Final = 0.2


class RefundWithoutSaleParameters(Parameters, frozen=True):
    """How the sale of a refund is searched.

    Examples
    --------
    >>> RefundWithoutSaleParameters().sale_memory
    Duration('90d')
    """

    sale_memory: Annotated[
        Duration,
        Meta(
            description="How much older than the refund its sale may be.",
            extra=Range(_DAY, 180 * _DAY, step=_DAY).declared,
        ),
    ] = Duration(90 * _DAY)
    match_grace: Annotated[
        Duration, Meta(description="How long a refund waits for a sale that comes late.")
    ] = Duration(0)
    warm_up: Annotated[
        Duration, Meta(description="Time after a store's first event in which nothing alerts.")
    ] = Duration(0)
    exempt_skus: Annotated[
        tuple[str, ...],
        Meta(description="Articles whose refunds need no sale, such as deposits and bags."),
    ] = ()

    def __post_init__(self) -> None:
        if self.sale_memory <= 0:
            raise ValueError("sale_memory: expected a duration above 0")


class Line(msgspec.Struct, array_like=True, gc=False):
    """An unmatched refund line that waits for its sale."""

    event: PosEvent
    off_shift: bool | None
    line: int = 0


class RefundWithoutSaleState(DetectorState):
    """The sales of the last months, and the refund receipts that alerted or wait."""

    def __init__(self, sale_memory: int, match_grace: int, max_late: int) -> None:
        keep, again = sale_memory + max_late, _DAY + match_grace + max_late
        self.sales = TimedIds(span=_DAY, keep=keep)  # as version 1 stored them; no sale is added
        self.aged = AgedIds(keep)  # sales that the store's lines have forgotten
        self.alerted: Table[int] = Table(int, due=lambda time: time + again, time=lambda time: time)
        self.held: Table[list[Line]] = Table(list[Line], time=lambda lines: lines[0].event.event_time)
        # The receipts that wait, as a heap by time, and the times of alerts by identity. Not stored: after a
        # restart they are built from `held` and `alerted`.
        self.queue: list[tuple[int, str]] = []
        self.raised: dict[str, list[int]] = {}
        self.raised_size = 0

    def has_raised(self, identity: str, time: int) -> bool:
        """Tell whether a line of an identity alerted within 24 h."""
        if self.raised_size != len(self.alerted):
            self.raised, self.raised_size = {}, len(self.alerted)
            for key, alerted in self.alerted.items():
                self.raised.setdefault(key.partition("/")[2], []).append(alerted)
        return any(abs(time - alerted) <= _DAY for alerted in self.raised.get(identity, ()))

    def note_raised(self, identity: str, time: int) -> None:
        """Note that a line alerted."""
        self.alerted.put(f"{time}/{identity}", time)
        self.raised.setdefault(identity, []).append(time)
        self.raised_size += 1


class RefundWithoutSale(Detector[RefundWithoutSaleParameters, RefundWithoutSaleState]):
    """Alert when a refund names no sale of this store within the sale memory.

    The sale looked for is that of `originalTransactionId` if given, else that of the refund's own
    transaction id or of the same customer or card and article. Sales of the refund's own receipt are an
    exchange and do not count, nor do sales that were taken back. One alert a receipt, at its first unmatched
    line. The risk is 1 once the store's history is as long as the sale memory, and in proportion before.

    Cannot see: whether the refunded goods, amount and quantity are those of the sale; a sale that is
    refunded twice; a sale of another store of the chain. If your tills write neither the sale's number nor a
    token on a refund, every refund alerts: switch the rule off.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine(
    ...     [RefundWithoutSale(RefundWithoutSaleParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("store-1")
    >>> refund = PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_000_000)
    >>> engine.process(refund, store)[0].message
    "Cashier c-1 refunded 20.00 for t-9, a sale that is not in this store's log, which begins here."
    """

    name = "refund_without_sale"
    alert_type = "REFUND_WITHOUT_SALE"
    needs = ("refunds", "references")
    colour = "#c77700"
    symbol = "diamond"
    Parameters = RefundWithoutSaleParameters

    @property
    def needs_time(self) -> bool:
        """Whether refunds wait for their sale."""
        return self.parameters.match_grace > 0

    def new_state(self) -> RefundWithoutSaleState:
        """Return a store's state without sales."""
        rule = self.parameters
        return RefundWithoutSaleState(rule.sale_memory, rule.match_grace, self.max_late)

    def on_forgotten(self, sales: ForgottenSales, state: RefundWithoutSaleState, store: StoreMemory) -> None:
        """Remember the sales that the store's lines have forgotten."""
        state.aged.add(sales.hashes, sales.times)

    def on_taken_back(self, taken: TakenLine, state: RefundWithoutSaleState, store: StoreMemory) -> None:
        """Let a refund that is taken back wait no longer for its sale."""
        if taken.is_sale or not taken.is_gone:
            return
        for receipt, lines in state.held.items():
            rest = [line for line in lines if line.line != taken.line]
            if len(rest) < len(lines):
                _keep_held(state, receipt, rest)
                return

    def on_refund(
        self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Look for the sale; if there is none, alert, or wait for it."""
        if state.held and not self.needs_time:
            # These refunds waited when the streamer stopped; its new settings have no grace.
            released = self.on_time(event.event_time, state, store)
            return [*released, *self._look_for_sale(event, state, store)]
        return self._look_for_sale(event, state, store)

    def on_time(self, time: int, state: RefundWithoutSaleState, store: StoreMemory) -> Sequence[Alert]:
        """Look once more for the sales of refunds that have waited long enough; alert without one."""
        due: list[Line] = []
        while (waiting := self.waiting(state)) is not None and time >= waiting[1]:
            receipt = heappop(state.queue)[1]
            due += state.held.get(receipt) or []
            state.held.drop(receipt)
        alerts: list[Alert] = []
        for line in sorted(due, key=lambda line: line.line):
            if not self._is_matched(line.event, state, store):
                alerts += self._say(line, state, store)
        return sorted(alerts, key=lambda alert: alert.event_time)

    def waiting(self, state: RefundWithoutSaleState) -> tuple[int, int] | None:
        """Return how many refund receipts wait for a sale, and when the first is released."""
        if not state.held:
            return None
        return len(state.held), self._queue(state)[0][0] + self.parameters.match_grace

    def explain(self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory) -> Sequence[Margin]:
        """Say whether the sale of a refund is known, or why nobody asks."""
        if event.event_type.upper() != REFUND:
            return ()
        named, rule = event.original_transaction_id or event.transaction_id, self.parameters
        if event.sku in rule.exempt_skus:
            return (Margin(f"refunds of {event.sku} need no sale"),)
        if (event.original_store_id or store.store_id) != store.store_id:
            return (Margin(f"the sale is one of store {event.original_store_id}"),)
        if self._in_warm_up(event, store):
            return (Margin(f"the store's log is younger than the warm-up of {rule.warm_up}"),)
        if self._is_matched(event, state, store):
            return (Margin(f"the sale of {named} is known: a sale of the last {rule.sale_memory} is enough"),)
        said = f"no sale of {named} in the last {rule.sale_memory} is known"
        history = _history(event, store)
        young = f"; the store's log {_reach(history)}" if history < rule.sale_memory else ""
        return (Margin(f"{said}{young}"),)

    def _look_for_sale(
        self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory
    ) -> Sequence[Alert]:
        rule = self.parameters
        if event.sku in rule.exempt_skus or (event.original_store_id or store.store_id) != store.store_id:
            return ()
        if self._in_warm_up(event, store) or self._is_matched(event, state, store):
            return ()
        line = Line(event, store.off_shift(event.cashier_id, event.event_time), store.line)
        if not rule.match_grace:
            return self._say(line, state, store)
        receipt = f"{event.event_time}/{_identity(event, store)}"
        lines = state.held.get(receipt)
        if lines is None:
            self._queue(state)
            heappush(state.queue, (event.event_time, receipt))
        state.held.put(receipt, [*(lines or ()), line])
        return ()

    def _say(self, line: Line, state: RefundWithoutSaleState, store: StoreMemory) -> Sequence[Alert]:
        """Alert, unless the receipt has alerted already."""
        identity, time = _identity(line.event, store), line.event.event_time
        if state.has_raised(identity, time):
            return ()
        state.note_raised(identity, time)
        return (self._unmatched(line, store),)

    def _queue(self, state: RefundWithoutSaleState) -> list[tuple[int, str]]:
        if len(state.queue) != len(state.held):
            state.queue = [(lines[0].event.event_time, key) for key, lines in state.held.items()]
            heapify(state.queue)
        return state.queue

    def _is_matched(self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory) -> bool:
        since = event.event_time - self.parameters.sale_memory
        reference = store.numbering.named(event)
        named: Named = reference or store.numbering.identity(event)
        exchange, lines = _OwnSales.of(event, store), store.lines
        for sale in lines.sales_of_number(named[0] or ""):
            if sale.time >= since and agrees(named[1:], sale.series) and not exchange.holds(sale):
                return True
        token = _token(event) if reference is None else None
        if token is not None:
            for sale in lines.sales_of_token(token):
                if sale.time >= since and not exchange.holds(sale):
                    return True
        if len(state.sales):
            newest = state.sales.newest(named[0] or "")
            if newest is not None and newest >= since:
                return True
        hashed = text_hash(named[0] or "") ^ series_hash(named[1:])
        own = reference is None or reference == store.numbering.identity(event)
        if state.aged.seen_since(hashed, since, exchange.times if own else _NEVER):
            return True
        return token is not None and state.aged.seen_since(token, since, exchange.times)

    def _in_warm_up(self, event: PosEvent, store: StoreMemory) -> bool:
        warm_up, first = self.parameters.warm_up, store.first_pos_time
        return bool(warm_up) and first is not None and event.event_time - first <= warm_up

    def _unmatched(self, line: Line, store: StoreMemory) -> Alert:
        event, memory = line.event, self.parameters.sale_memory
        history = _history(event, store)
        named = event.original_transaction_id or event.transaction_id
        evidence: dict[str, Any] = {
            "transactionId": event.transaction_id,
            "amount": event.amount,
            "sku": event.sku,
            "offShift": line.off_shift,
            "historyDays": round(history / _DAY, 2),
        }
        if event.original_transaction_id:
            evidence["originalTransactionId"] = event.original_transaction_id
        return self.alert(
            event,
            time=event.event_time,
            employee_id=event.cashier_id,
            risk=1.0 if history >= memory else max(_LEAST_RISK, history / memory),
            message=(
                f"Cashier {event.cashier_id}{', off shift,' if line.off_shift else ''} refunded "
                f"{event.amount:.2f} for {named}{_not_sold(history, memory)}."
            ),
            evidence=evidence,
        )


def _history(event: PosEvent, store: StoreMemory) -> int:
    """Return how long before an event the store's log begins."""
    first = store.first_pos_time
    return 0 if first is None else event.event_time - first


def _not_sold(history: int, memory: Duration) -> str:
    """Say that there is no sale, and no more than the log can know."""
    if history >= memory:
        return f", which this store has not sold in the last {memory}"
    return f", a sale that is not in this store's log, which {_reach(history)}"


def _reach(history: int) -> str:
    """Say how far a log goes back, in the largest whole unit from minutes to days."""
    if history < _MINUTE:
        return "begins here"
    unit = next(unit for unit in (_DAY, _HOUR, _MINUTE) if history >= unit)
    return f"goes back only {Duration(history // unit * unit)}"


_NEVER: Final = (1, 0)


class _OwnSales(NamedTuple):
    """The sales of a refund's own receipt."""

    number_hash: int
    series: tuple[str, ...]
    times: tuple[int, int]

    @classmethod
    def of(cls, event: PosEvent, store: StoreMemory) -> "_OwnSales":
        number, *series = store.numbering.identity(event)
        within = 0 if event.line_number is None else _EXCHANGE
        times = event.event_time - within, event.event_time + within
        return cls(text_hash(number), tuple(series), times)

    def holds(self, line: KeptSale) -> bool:
        if not self.times[0] <= line.time <= self.times[1]:
            return False
        return line.number_hash == self.number_hash and line.series == self.series


def _identity(event: PosEvent, store: StoreMemory) -> str:
    return "/".join(store.numbering.identity(event))


def _token(event: PosEvent) -> int | None:
    if event.customer_token is not None:
        return token_hash("customer", event.customer_token, event.sku)
    return None if event.card_token is None else token_hash("card", event.card_token, event.sku)


def _keep_held(state: RefundWithoutSaleState, receipt: str, lines: list[Line]) -> None:
    if lines:
        state.held.put(receipt, lines)
    else:
        state.held.drop(receipt)
        state.queue = []
