"""SHRINKAGE: more pieces of a sku were sold than the next count explains."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from retail_anomaly.detector import (
    MOST_SKUS,
    SALE,
    Alert,
    CountEvent,
    Detector,
    DetectorState,
    ForgottenSales,
    Margin,
    MovementEvent,
    Number,
    Parameters,
    PosEvent,
    Range,
    SaleRun,
    StoreMemory,
    Table,
    TakenLine,
    reaches,
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
    """Pieces of each sku sold and received since its last count."""

    def __init__(self) -> None:
        self.sold: Table[int | float] = Table(Number)
        self.received: Table[int | float] = Table(Number)
        # The newest line at the last count: a line taken back lowers the sum only if it was rung up later.
        self.counted: Table[int] = Table(int)


class InventoryShrinkage(Detector[InventoryShrinkageParameters, InventoryShrinkageState]):
    """Alert when far more was sold since the last count than is counted now.

    The difference is ``sold - received - countedQty``; the risk is ``min(1, difference / (2 * threshold))``.
    Sales that are taken back do not count, nor do movements whose reason is a sale or a return.

    Cannot see: the stock before the sales, so a store with full shelves hides any loss, and a store that
    sells out alerts without a loss (`stock_discrepancy` compares with the previous count); returns, and
    deliveries that nobody books.

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
    needs = ("sales", "counts")
    most_skus = MOST_SKUS
    sheds = "articles"
    better_with = ("movements",)
    colour = "#00846b"
    symbol = "triangle-up"
    Parameters = InventoryShrinkageParameters

    def new_state(self) -> InventoryShrinkageState:
        """Return a store's state without sales."""
        return InventoryShrinkageState()

    def on_sales(self, run: SaleRun, state: InventoryShrinkageState, store: StoreMemory) -> None:
        """Count the pieces as sold."""
        sold = [(event.sku, event.quantity) for event in run.events]
        if len(state.sold) + len(sold) <= self.most_skus:
            state.sold.add(sold)
            return
        for one in sold:  # how many are in a run must not decide what is forgotten
            state.sold.add([one])
            # Those that sold least are furthest from an alert.
            self.shed(state.sold, self.most_skus, float, store)

    def explain(
        self, event: PosEvent, state: InventoryShrinkageState, store: StoreMemory
    ) -> Sequence[Margin]:
        """Say how many pieces the next count of a sold article has to explain."""
        if event.event_type.upper() != SALE:
            return ()
        sold = rounded((state.sold.get(event.sku) or 0) - (state.received.get(event.sku) or 0))
        return (Margin(f"its next count is compared with {sold} sold of {event.sku} since the last"),)

    def on_taken_back(self, taken: TakenLine, state: InventoryShrinkageState, store: StoreMemory) -> None:
        """Count the pieces as not sold, unless they were counted since."""
        if taken.is_sale and taken.line > (state.counted.get(taken.sku) or 0):
            state.sold.put(taken.sku, (state.sold.get(taken.sku) or 0) - taken.quantity)

    def on_forgotten(self, sales: ForgottenSales, state: InventoryShrinkageState, store: StoreMemory) -> None:
        """Forget the counts before which no line can be taken back any more."""
        for sku in [sku for sku, line in state.counted.items() if line < store.lines.oldest]:
            state.counted.drop(sku)

    def on_movement(
        self, event: MovementEvent, state: InventoryShrinkageState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Count the pieces that come in as received."""
        if event.quantity > 0 and not event.is_of_tills:
            state.received.put(event.sku, (state.received.get(event.sku) or 0) + event.quantity)
            for sku in self.shed(state.received, self.most_skus, float, store):
                state.sold.drop(sku)  # or what came in would seem to be missing
        return ()

    def on_count(
        self, event: CountEvent, state: InventoryShrinkageState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Compare the count with the pieces sold, and start again from zero."""
        sku = event.sku
        sold, received = rounded(state.sold.get(sku) or 0), rounded(state.received.get(sku) or 0)
        state.sold.drop(sku)
        state.received.drop(sku)
        if store.lines:
            state.counted.put(sku, store.lines.newest)
            self.shed(state.counted, self.most_skus, int, store)
        difference = rounded(sold - received - event.counted_qty)
        threshold = self.parameters.threshold
        if not reaches(difference, threshold):
            return ()
        came = f" and {received} received" if received else ""
        counted = rounded(event.counted_qty)
        gone = f"1 piece of {sku} was" if sold == 1 else f"{sold} pieces of {sku} were"
        rest = "1 piece is" if difference == 1 else f"{difference} pieces are"
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.manager_id,
                risk=min(1.0, difference / (2 * threshold)),
                message=(
                    f"{gone} sold{came} since the last count, but only "
                    f"{counted} {'is' if counted == 1 else 'are'} counted: {rest} unexplained."
                ),
                evidence={
                    "sku": sku,
                    "sold": sold,
                    "received": received,
                    "counted": counted,
                    "difference": difference,
                },
            ),
        )
