"""REFUND_WITHOUT_SALE: a refund whose sale this store does not know."""

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    Alert,
    Detector,
    DetectorState,
    Duration,
    Parameters,
    PosEvent,
    Range,
    StoreMemory,
    Table,
    TimedIds,
)

_DAY: Final = 86_400_000


class RefundWithoutSaleParameters(Parameters, frozen=True):
    """How the sale of a refund is searched.

    Examples
    --------
    >>> RefundWithoutSaleParameters().sale_memory
    Duration('30d')
    """

    sale_memory: Annotated[
        Duration,
        Meta(
            description="How much older than the refund its sale may be.",
            extra=Range(_DAY, 180 * _DAY, step=_DAY).declared,
        ),
    ] = Duration(30 * _DAY)
    match_grace: Annotated[
        Duration, Meta(description="How long a refund waits for a sale that comes late.")
    ] = Duration(0)
    warm_up: Annotated[
        Duration, Meta(description="Time after a store's first event in which nothing alerts.")
    ] = Duration(0)

    def __post_init__(self) -> None:
        if self.sale_memory <= 0:
            raise ValueError("sale_memory: expected a duration above 0")


class Line(msgspec.Struct, array_like=True, gc=False):
    """An unmatched refund line that waits for its sale."""

    event: PosEvent
    off_shift: bool | None


class RefundWithoutSaleState(DetectorState):
    """The sales of the last weeks, and the refund receipts that alerted or wait."""

    def __init__(self, sale_memory: int, max_late: int) -> None:
        self.sales = TimedIds(span=_DAY, keep=sale_memory + max_late)
        self.alerted: Table[int] = Table(int, due=lambda time: time + max_late, time=lambda time: time)
        self.held: Table[list[Line]] = Table(list[Line], time=lambda lines: lines[0].event.event_time)
        # The receipts that wait, as a heap by time. Not stored: after a restart it is built from `held`.
        self.queue: list[tuple[int, str]] = []


class RefundWithoutSale(Detector[RefundWithoutSaleParameters, RefundWithoutSaleState]):
    """Alert when a refund names no sale of this store within the sale memory.

    The sale looked for is that of `originalTransactionId` if given, else the refund's own
    transaction id. One alert a receipt, at its first unmatched line, with risk 1.

    Cannot see: whether the refunded goods, amount and quantity are those of the sale; a sale that is refunded
    twice; a sale of another store of the chain. If your tills do not write the sale's number on a refund,
    every refund alerts: switch the rule off.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine(
    ...     [RefundWithoutSale(RefundWithoutSaleParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("store-1")
    >>> refund = PosEvent("t-9", "store-1", "c-1", "sku", 20.0, "REFUND", 1_760_000_000_000)
    >>> engine.process(refund, store)[0].message
    'Cashier c-1 refunded 20.00 for t-9, which this store has not sold in the last 30d.'
    """

    name = "refund_without_sale"
    alert_type = "REFUND_WITHOUT_SALE"
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
        return RefundWithoutSaleState(rule.sale_memory, self.max_late)

    def on_sale(self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory) -> Sequence[Alert]:
        """Remember the sale."""
        state.sales.add(event.transaction_id, event.event_time)
        return ()

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
        alerts = []
        while (waiting := self.waiting(state)) is not None and time >= waiting[1]:
            refunded_at, receipt = heappop(state.queue)
            lines = state.held.get(receipt) or []
            state.held.drop(receipt)
            unmatched = [line for line in lines if not self._is_matched(line.event, state)]
            if unmatched:
                state.alerted.put(receipt, refunded_at)
                alerts.append(self._unmatched(unmatched[0]))
        return alerts

    def waiting(self, state: RefundWithoutSaleState) -> tuple[int, int] | None:
        """Return how many refund receipts wait for a sale, and when the first is released."""
        if not state.held:
            return None
        return len(state.held), self._queue(state)[0][0] + self.parameters.match_grace

    def _look_for_sale(
        self, event: PosEvent, state: RefundWithoutSaleState, store: StoreMemory
    ) -> Sequence[Alert]:
        if self._is_matched(event, state) or self._in_warm_up(event, store):
            return ()
        receipt = f"{event.event_time}/{event.transaction_id}"
        if state.alerted.get(receipt) is not None:
            return ()
        line = Line(event, store.off_shift(event.cashier_id, event.event_time))
        if self.parameters.match_grace:
            lines = state.held.get(receipt)
            if lines is None:
                self._queue(state)
                heappush(state.queue, (event.event_time, receipt))
            state.held.put(receipt, [*(lines or ()), line])
            return ()
        state.alerted.put(receipt, event.event_time)
        return (self._unmatched(line),)

    def _queue(self, state: RefundWithoutSaleState) -> list[tuple[int, str]]:
        if len(state.queue) != len(state.held):
            state.queue = [(lines[0].event.event_time, key) for key, lines in state.held.items()]
            heapify(state.queue)
        return state.queue

    def _is_matched(self, event: PosEvent, state: RefundWithoutSaleState) -> bool:
        sold = state.sales.newest(event.original_transaction_id or event.transaction_id)
        return sold is not None and event.event_time - sold <= self.parameters.sale_memory

    def _in_warm_up(self, event: PosEvent, store: StoreMemory) -> bool:
        warm_up, first = self.parameters.warm_up, store.first_pos_time
        return bool(warm_up) and first is not None and event.event_time - first <= warm_up

    def _unmatched(self, line: Line) -> Alert:
        event = line.event
        named = event.original_transaction_id or event.transaction_id
        evidence: dict[str, Any] = {
            "transactionId": event.transaction_id,
            "amount": event.amount,
            "sku": event.sku,
            "offShift": line.off_shift,
        }
        if event.original_transaction_id:
            evidence["originalTransactionId"] = event.original_transaction_id
        return self.alert(
            event,
            time=event.event_time,
            employee_id=event.cashier_id,
            risk=1.0,
            message=(
                f"Cashier {event.cashier_id} refunded {event.amount:.2f} for {named}, which this "
                f"store has not sold in the last {self.parameters.sale_memory}"
                f"{', while off shift' if line.off_shift else ''}."
            ),
            evidence=evidence,
        )
