"""STOCK_DISCREPANCY: pieces disappeared between two counts without a sale."""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    Alert,
    CountEvent,
    Detector,
    DetectorState,
    Parameters,
    PosEvent,
    Range,
    StoreMemory,
    Table,
    rounded,
)


class StockDiscrepancyParameters(Parameters, frozen=True):
    """The number of missing pieces that alerts.

    Examples
    --------
    >>> StockDiscrepancyParameters().threshold
    5
    """

    threshold: Annotated[
        int, Meta(ge=1, description="Missing pieces that alert.", extra=Range(1, 60).declared)
    ] = 5


class SkuStock(msgspec.Struct, array_like=True, gc=False):
    """A sku's last count, and the pieces sold and refunded since."""

    counted: int | float
    sold: int | float = 0
    refunded: int | float = 0


class StockDiscrepancyState(DetectorState):
    """The stock of each sku that was counted."""

    def __init__(self) -> None:
        self.stock: Table[SkuStock] = Table(SkuStock)


class StockDiscrepancy(Detector[StockDiscrepancyParameters, StockDiscrepancyState]):
    """Alert when a count finds fewer pieces than the previous count and the tills explain.

    From a sku's second count on, ``missing = previous count - sold + refunded - countedQty``; the
    risk is ``min(1, missing / (2 * threshold))``.

    Cannot see: deliveries without a count after them (they hide a loss), refunded goods that do not return to
    the shelf, a mistake in a count; it cannot tell when the pieces disappeared, or who took them.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine([StockDiscrepancy(StockDiscrepancyParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("s")
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000 + n) for n in (50, 44)]
    >>> [alert.evidence["missing"] for c in counts for alert in engine.process(c, store)]
    [6]
    """

    name = "stock_discrepancy"
    alert_type = "STOCK_DISCREPANCY"
    colour = "#8e5bb5"
    symbol = "triangle-down"
    Parameters = StockDiscrepancyParameters

    def new_state(self) -> StockDiscrepancyState:
        """Return a store's state without counts."""
        return StockDiscrepancyState()

    def on_sale(self, event: PosEvent, state: StockDiscrepancyState, store: StoreMemory) -> Sequence[Alert]:
        """Take the pieces off the stock of a counted sku."""
        stock = state.stock.get(event.sku)
        if stock is not None:
            stock.sold += event.quantity
            state.stock.put(event.sku, stock)
        return ()

    def on_refund(self, event: PosEvent, state: StockDiscrepancyState, store: StoreMemory) -> Sequence[Alert]:
        """Put the pieces back into the stock."""
        stock = state.stock.get(event.sku)
        if stock is not None:
            stock.refunded += event.quantity
            state.stock.put(event.sku, stock)
        return ()

    def on_count(
        self, event: CountEvent, state: StockDiscrepancyState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Compare the count with the expected stock."""
        stock = state.stock.get(event.sku)
        state.stock.put(event.sku, SkuStock(event.counted_qty))
        if stock is None:
            return ()
        sold, refunded = rounded(stock.sold), rounded(stock.refunded)
        expected = rounded(stock.counted - sold + refunded)
        missing = rounded(expected - event.counted_qty)
        threshold = self.parameters.threshold
        if missing < threshold:
            return ()
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.manager_id,
                risk=min(1.0, missing / (2 * threshold)),
                message=(
                    f"{event.counted_qty} pieces of {event.sku} are counted where {expected} were "
                    f"expected after {sold} sold and {refunded} refunded: {missing} "
                    "are missing."
                ),
                evidence={
                    "sku": event.sku,
                    "previousCount": stock.counted,
                    "sold": sold,
                    "refunded": refunded,
                    "expected": expected,
                    "counted": event.counted_qty,
                    "missing": missing,
                },
            ),
        )
