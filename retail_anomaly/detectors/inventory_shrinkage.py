"""SHRINKAGE: more pieces of a sku were sold than the next count explains."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from retail_anomaly.detector import (
    Alert,
    CountEvent,
    Detector,
    DetectorState,
    Number,
    Parameters,
    PosEvent,
    Range,
    StoreMemory,
    Table,
    rounded,
)


class InventoryShrinkageParameters(Parameters, frozen=True):
    """The number of unexplained pieces that alerts.

    Examples
    --------
    >>> InventoryShrinkageParameters().threshold
    5
    """

    threshold: Annotated[
        int, Meta(ge=1, description="Difference in pieces that alerts.", extra=Range(1, 60).declared)
    ] = 5


class InventoryShrinkageState(DetectorState):
    """Pieces of each sku sold since its last count."""

    def __init__(self) -> None:
        self.sold: Table[int | float] = Table(Number)


class InventoryShrinkage(Detector[InventoryShrinkageParameters, InventoryShrinkageState]):
    """Alert when far more was sold since the last count than is counted now.

    The difference is ``sold - countedQty``; the risk is ``min(1, difference / (2 * threshold))``.

    Cannot see: the stock before the sales, so a store with full shelves hides any loss, and a store that
    sells out alerts without a loss (`stock_discrepancy` compares with the previous count); deliveries and
    returns.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine([InventoryShrinkage(InventoryShrinkageParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("s")
    >>> sale = PosEvent("t", "s", "c", "k", 9.0, "SALE", 1_760_000_000_000, quantity=30)
    >>> count = CountEvent("s", "k", 20, 1_760_000_060_000)
    >>> [alert.risk_score for event in (sale, count) for alert in engine.process(event, store)]
    [1.0]
    """

    name = "inventory_shrinkage"
    alert_type = "SHRINKAGE"
    colour = "#00846b"
    symbol = "triangle-up"
    Parameters = InventoryShrinkageParameters

    def new_state(self) -> InventoryShrinkageState:
        """Return a store's state without sales."""
        return InventoryShrinkageState()

    def on_sale(self, event: PosEvent, state: InventoryShrinkageState, store: StoreMemory) -> Sequence[Alert]:
        """Count the pieces as sold."""
        sold = state.sold
        sold.put(event.sku, (sold.get(event.sku) or 0) + event.quantity)
        return ()

    def on_count(
        self, event: CountEvent, state: InventoryShrinkageState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Compare the count with the pieces sold, and start again from zero."""
        sold = rounded(state.sold.get(event.sku) or 0)
        state.sold.drop(event.sku)
        difference = rounded(sold - event.counted_qty)
        threshold = self.parameters.threshold
        if difference < threshold:
            return ()
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.manager_id,
                risk=min(1.0, difference / (2 * threshold)),
                message=(
                    f"{sold} pieces of {event.sku} were sold since the last count, but only "
                    f"{event.counted_qty} are counted: {difference} pieces are unexplained."
                ),
                evidence={
                    "sku": event.sku,
                    "sold": sold,
                    "counted": event.counted_qty,
                    "difference": difference,
                },
            ),
        )
