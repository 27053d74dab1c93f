"""STOCK_DISCREPANCY: pieces disappeared between two counts without a sale."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from retail_anomaly.detector import (
    MOST_SKUS,
    Alert,
    CountEvent,
    Detector,
    DetectorState,
    Margin,
    MovementEvent,
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

_line: Final = attrgetter("line")


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
    """A sku's last count, the pieces sold, refunded and moved since, and the newest line at the count."""

    counted: int | float
    sold: int | float = 0
    refunded: int | float = 0
    moved: int | float = 0
    line: int = 0


class StockDiscrepancyState(DetectorState):
    """The stock of each sku that was counted."""

    def __init__(self) -> None:
        self.stock: Table[SkuStock] = Table(SkuStock)


class StockDiscrepancy(Detector[StockDiscrepancyParameters, StockDiscrepancyState]):
    """Alert when a count finds fewer pieces than the previous count and the tills explain.

    From a sku's second count on, ``missing = previous count - sold + refunded + moved - countedQty``; the
    risk is ``min(1, missing / (2 * threshold))``. Lines that are taken back do not count, nor do movements
    whose reason is a sale or a return.

    Cannot see: deliveries that nobody books (they hide a loss), refunded goods that do not return to the
    shelf, a mistake in a count; it cannot tell when the pieces disappeared, or who took them.

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
    needs = ("recounts",)
    most_skus = MOST_SKUS
    sheds = "articles"
    better_with = ("sales", "movements")
    colour = "#8e5bb5"
    symbol = "triangle-down"
    Parameters = StockDiscrepancyParameters

    def new_state(self) -> StockDiscrepancyState:
        """Return a store's state without counts."""
        return StockDiscrepancyState()

    def on_sales(self, run: SaleRun, state: StockDiscrepancyState, store: StoreMemory) -> None:
        """Take the pieces off the stock of counted skus."""
        get = state.stock.get
        for event in run.events:
            stock = get(event.sku)
            if stock is not None:
                stock.sold += event.quantity
                state.stock.put(event.sku, stock)

    def on_refund(self, event: PosEvent, state: StockDiscrepancyState, store: StoreMemory) -> Sequence[Alert]:
        """Put the pieces back into the stock."""
        stock = state.stock.get(event.sku)
        if stock is not None:
            stock.refunded += event.quantity
            state.stock.put(event.sku, stock)
        return ()

    def explain(self, event: PosEvent, state: StockDiscrepancyState, store: StoreMemory) -> Sequence[Margin]:
        """Say how many pieces the next count of the article should find."""
        stock = state.stock.get(event.sku)
        if stock is None:
            return (Margin(f"{event.sku} was not counted before"),)
        expected = rounded(stock.counted - stock.sold + stock.refunded + stock.moved)
        return (Margin(f"the next count of {event.sku} should find {expected}"),)

    def on_taken_back(self, taken: TakenLine, state: StockDiscrepancyState, store: StoreMemory) -> None:
        """Count the pieces as not sold or not refunded, unless they were counted since."""
        stock = state.stock.get(taken.sku)
        if stock is None or taken.line <= stock.line:
            return
        if taken.is_sale:
            stock.sold -= taken.quantity
        else:
            stock.refunded -= taken.quantity
        state.stock.put(taken.sku, stock)

    def on_movement(
        self, event: MovementEvent, state: StockDiscrepancyState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Add the pieces that came in, take off those that left."""
        stock = state.stock.get(event.sku)
        if stock is not None and not event.is_of_tills:
            stock.moved += event.quantity
            state.stock.put(event.sku, stock)
        return ()

    def on_count(
        self, event: CountEvent, state: StockDiscrepancyState, store: StoreMemory
    ) -> Sequence[Alert]:
        """Compare the count with the expected stock."""
        stock = state.stock.get(event.sku)
        state.stock.put(event.sku, SkuStock(event.counted_qty, line=store.lines.newest))
        # The next count of a forgotten one is a first count, which raises nothing.
        self.shed(state.stock, self.most_skus, _line, store)
        if stock is None:
            return ()
        sold, refunded, moved = rounded(stock.sold), rounded(stock.refunded), rounded(stock.moved)
        expected = rounded(stock.counted - sold + refunded + moved)
        counted = rounded(event.counted_qty)
        missing = rounded(expected - counted)
        threshold = self.parameters.threshold
        if not reaches(missing, threshold):
            return ()
        came = f" and {moved} moved" if moved else ""
        was = "was" if expected == 1 else "were"
        lack = "is" if missing == 1 else "are"
        found = f"1 piece of {event.sku} is" if counted == 1 else f"{counted} pieces of {event.sku} are"
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.manager_id,
                risk=min(1.0, missing / (2 * threshold)),
                message=(
                    f"{found} counted where {expected} {was} expected after "
                    f"{sold} sold and {refunded} refunded{came}: {missing} {lack} missing."
                ),
                evidence={
                    "sku": event.sku,
                    "previousCount": rounded(stock.counted),
                    "sold": sold,
                    "refunded": refunded,
                    "moved": moved,
                    "expected": expected,
                    "counted": counted,
                    "missing": missing,
                },
            ),
        )
