"""REFUND_MISMATCH: a refund that its receipt does not cover."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import Meta

from retail_anomaly.core.ledger import (
    WEIGHTS,
    Coverage,
    Elsewhere,
    Ledger,
    Match,
    RefundLink,
    SoldReceipt,
    Tolerances,
    coverage,
    match,
    mismatch_message,
    refund_link,
)
from retail_anomaly.core.quantities import rounded
from retail_anomaly.core.undecided import WHY_UNDECIDED
from retail_anomaly.detector import (
    REFUND,
    Alert,
    Detector,
    DetectorState,
    Duration,
    Episode,
    Margin,
    Parameters,
    PosEvent,
    Range,
    SaleRun,
    StoreMemory,
    Table,
    TakenLine,
)

_DAY: Final = 86_400_000


class RefundMatchParameters(Parameters, frozen=True):
    """How a refund is compared with its receipt.

    Examples
    --------
    >>> RefundMatchParameters().sale_memory
    Duration('90d')
    """

    sale_memory: Annotated[
        Duration,
        Meta(
            description="How much older than the refund the newest line of its receipt may be.",
            extra=Range(7 * _DAY, 180 * _DAY, step=_DAY).declared,
        ),
    ] = Duration(90 * _DAY)
    price_tolerance: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="The share of the price by which a refund may be dearer than its sale.",
            extra=Range(0.005, 0.2, step=0.005).declared,
        ),
    ] = 0.01
    price_floor: Annotated[
        float,
        Meta(
            ge=0,
            description="The amount by which a refund may be dearer, however small the price.",
            extra=Range(0.05, 5, step=0.05).declared,
        ),
    ] = 0.05
    return_window: Annotated[Duration, Meta(description="After how long a return is too old. 0: never.")] = (
        Duration(0)
    )
    quick: Annotated[
        Duration,
        Meta(description="Until when a refund by the cashier of the sale is too quick. 0: never."),
    ] = Duration(0)
    tender_switch: Annotated[
        bool, Meta(description="Whether cash for a sale that was not paid in cash raises an alert.")
    ] = False
    exempt_skus: Annotated[
        tuple[str, ...], Meta(description="Articles whose refunds are passed over: deposits, bags.")
    ] = ()

    def __post_init__(self) -> None:
        if self.sale_memory <= 0:
            raise ValueError("sale_memory: expected a duration above 0")
        if self.return_window >= self.sale_memory:
            raise ValueError(
                f"return_window: expected a duration below sale_memory ({self.sale_memory}), for an older "
                f"sale is forgotten; got {self.return_window}"
            )


class Mismatch(Episode, array_like=True, gc=False):
    """The alert of a refund receipt so far."""

    alert_id: str
    opened_at: int
    revision: int
    risk: float
    cashier_id: str
    first: int
    loss: float
    reasons: list[str]
    lines: list[dict[str, Any]]


class RefundMatchState(DetectorState):
    """The ledger, and the open alerts of refund receipts."""

    def __init__(self, sale_memory: int, max_late: int) -> None:
        # Of the refund line that was judged last, for the models that see it next. Not stored.
        self.link: RefundLink | None = None
        # The lines of a receipt are at most two days apart.
        keep = sale_memory + 2 * _DAY + max_late
        self.ledger = Ledger(keep, max_late)
        self.elsewhere = Elsewhere(keep=keep)
        # The lines of other stores' refunds that came, by the id of their alert. A line may come twice, and
        # the copy as late as its own store is processed again: by then this store may be weeks ahead. So a
        # line is known as long as what it booked.
        self.returned: Table[int] = Table(int, due=lambda time: time + keep, time=lambda time: time)
        self.mismatches: Table[Mismatch] = Table(
            Mismatch, due=lambda found: found.first + _DAY + max_late, time=lambda found: found.opened_at
        )
        # Those of other stores' refund receipts: this store may be weeks ahead when a further line comes.
        self.returned_mismatches: Table[Mismatch] = Table(
            Mismatch, due=lambda found: found.first + keep, time=lambda found: found.opened_at
        )


class RefundMatch(Detector[RefundMatchParameters, RefundMatchState]):
    """Alert when a refund takes back more, dearer or other goods than its receipt has left.

    A ledger holds what was sold on each receipt, and what of it was refunded. The receipt of a refund is
    that of `originalTransactionId`; without one, the newest of the same customer or card that has the
    article; else the one of the refund's own number. The reasons, with their risk: another article (0.9),
    more than is left (0.9), dearer than sold (0.7); if you switch them on, cash for a sale by card (0.6), too
    old (0.4), and quick by the same cashier (0.4). One alert a refund receipt; a further line with a reason
    revises it.

    Cannot see: a refund without a receipt (that is what `refund_without_sale` looks for); goods that differ
    from those sold under one sku; a sale of another store, unless returns are followed through the chain;
    which receipt a bare number means, where tills count anew every day and your refunds name neither register
    nor business date.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> engine = Engine([RefundMatch(RefundMatchParameters(), max_late=86_400_000)])
    >>> store = engine.new_store("store-1")
    >>> sale = PosEvent("42", "store-1", "c-1", "sku-17", 59.98, "SALE", 1_760_000_000_000, 2)
    >>> refund = PosEvent("43", "store-1", "c-1", "sku-17", 89.97, "REFUND", 1_760_000_060_000, 3, "42")
    >>> [alert.message for event in (sale, refund) for alert in engine.process(event, store)]
    ['Refund of 3 pieces of sku-17 for 89.97: receipt 42 sold 2; 29.99 is not covered.']
    """

    name = "refund_match"
    alert_type = "REFUND_MISMATCH"
    needs = ("refunds", "references")
    better_with = ("quantities",)
    colour = "#8a8a00"
    symbol = "hexagon"
    Parameters = RefundMatchParameters

    def __init__(self, parameters: RefundMatchParameters, max_late: int) -> None:
        super().__init__(parameters, max_late)
        rule = self.parameters
        self._exempt = frozenset(rule.exempt_skus)
        self._tolerances = Tolerances(
            rule.price_tolerance, rule.price_floor, rule.return_window, rule.quick, rule.tender_switch
        )

    def new_state(self) -> RefundMatchState:
        """Return a store's state with an empty ledger."""
        return RefundMatchState(self.parameters.sale_memory, self.max_late)

    def on_sales(self, run: SaleRun, state: RefundMatchState, store: StoreMemory) -> None:
        """Enter the sales into the ledger."""
        add, identity = state.ledger.add, store.numbering.identity
        for event, clock in zip(run.events, run.clocks, strict=True):
            add(identity(event), event, 1, clock)

    def on_refund(self, event: PosEvent, state: RefundMatchState, store: StoreMemory) -> Sequence[Alert]:
        """Compare the refund with its receipt, and book what it takes."""
        state.ledger.add(store.numbering.identity(event), event, -1, store.clock)
        place = state.ledger.last
        if event.sku in self._exempt:
            return ()
        if event.is_of_other_store:
            if not (self.follows_returns and event.original_transaction_id):
                self.undecided["other store"] += 1
            return ()
        found = match(event, state.ledger, store.numbering, self.parameters.sale_memory)
        if found.receipt is None:
            self.undecided[self._why_undecided(event, found, store)] += 1
            return ()
        covered = coverage(event, found.receipt, self._tolerances)
        state.ledger.book(place, found.receipt, event.sku, covered.booked)
        state.link = refund_link(store.line, event, found.receipt, covered)
        receipt, stores = found.receipt, state.elsewhere.stores(found.receipt, event.sku)
        if not covered.losses and stores:
            # What this store can't see: another one has refunded the goods before.
            receipt = state.elsewhere.beside(receipt)
            covered = coverage(event, receipt, self._tolerances)
        else:
            stores = []
        if not covered.losses:
            return ()
        own = store.receipt(event)
        key = f"elsewhere/{own.key}" if stores else own.key
        return (self._mismatch(event, key, own.first, receipt, found.matched_by, covered, state, stores),)

    def on_return(self, event: PosEvent, state: RefundMatchState, store: StoreMemory) -> Sequence[Alert]:
        """Compare another store's refund with the receipt of this store that it names, and book it."""
        if event.sku in self._exempt or not event.original_transaction_id:
            return ()
        line_id = self.alert_id(event, event.event_time)
        if state.returned.get(line_id) is not None:
            return ()
        state.returned.put(line_id, max(event.event_time, store.clock))
        found = match(event, state.ledger, store.numbering, self.parameters.sale_memory)
        if found.receipt is None:
            self.undecided[self._why_undecided(event, found, store)] += 1
            return ()
        receipt = state.elsewhere.beside(found.receipt)
        covered = coverage(event, receipt, self._tolerances)
        stores = state.elsewhere.stores(receipt, event.sku)
        state.elsewhere.book(receipt, event.sku, covered.booked, event.store_id)
        if not covered.losses:
            return ()
        key = f"{event.store_id}/{'/'.join(store.numbering.identity(event))}"
        open_ = state.returned_mismatches.get(key)
        if open_ is not None and abs(event.event_time - open_.first) > _DAY:
            state.returned_mismatches.drop(key)
        first = event.event_time
        return (self._mismatch(event, key, first, receipt, found.matched_by, covered, state, stores),)

    def on_taken_back(self, taken: TakenLine, state: RefundMatchState, store: StoreMemory) -> None:
        """Lower what was sold, or give back what a refund took."""
        state.ledger.take_back(
            taken.receipt.identity,
            sku=taken.sku,
            time=taken.time,
            is_sale=taken.is_sale,
            quantity=taken.quantity,
            amount=taken.amount,
            whole=taken.is_gone,
        )

    def explain(self, event: PosEvent, state: RefundMatchState, store: StoreMemory) -> Sequence[Margin]:
        """Say what is left of the refund's receipt, and how its price compares."""
        if event.event_type.upper() != REFUND or event.sku in self._exempt:
            return ()
        if event.original_store_id not in (None, store.store_id):
            return (Margin(f"the receipt is one of store {event.original_store_id}"),)
        found = match(event, state.ledger, store.numbering, self.parameters.sale_memory)
        if found.receipt is None:
            return (Margin(f"not judged: {WHY_UNDECIDED[self._why_undecided(event, found, store)]}"),)
        article = found.receipt.articles.get(event.sku)
        if article is None:
            return (Margin(f"receipt {found.receipt.number} has no {event.sku}"),)
        number, left = found.receipt.number, rounded(max(0.0, found.receipt.remaining(event.sku)))
        paid = coverage(event, found.receipt, self._tolerances).quantity * article.unit_price
        return (
            Margin(f"receipt {number} sold {rounded(article.sold)} of {event.sku}, and {left} are left now"),
            Margin(
                f"refunded {max(0.0, event.amount - paid):.2f} above the price of the sale; more than "
                f"{self._tolerances.of(paid):.2f} alerts"
            ),
        )

    def _why_undecided(self, event: PosEvent, found: Match, store: StoreMemory) -> str:
        if found.candidates:
            return "several receipts"
        if found.forgotten:
            return "memory passed"
        history = event.event_time - (store.first_pos_time or event.event_time)
        return "young log" if history < self.parameters.sale_memory else "no receipt"

    def _mismatch(
        self,
        event: PosEvent,
        key: str,
        first: int,
        receipt: SoldReceipt,
        matched_by: str,
        covered: Coverage,
        state: RefundMatchState,
        stores: list[str],
    ) -> Alert:
        loss = covered.loss(event.amount)
        risk = max(WEIGHTS[reason] for reason in covered.losses)
        mismatches = state.returned_mismatches if event.is_of_other_store else state.mismatches
        open_ = mismatches.get(key)
        if open_ is None:
            time = event.event_time
            open_ = Mismatch(self.alert_id(event, time), time, 1, risk, event.cashier_id, first, loss, [], [])
        else:
            open_.revise(max(risk, open_.risk))
            open_.loss += loss
        open_.reasons = [reason for reason in WEIGHTS if reason in covered.losses or reason in open_.reasons]
        article = receipt.articles.get(event.sku)
        open_.lines.append(
            {
                "sku": event.sku,
                "quantity": rounded(covered.quantity),
                "amount": event.amount,
                "sold": rounded(article.sold) if article else 0,
                "refundedBefore": rounded(receipt.booked.get(event.sku, 0)),
                "unitPrice": round(article.unit_price, 6) if article else None,
                "reasons": list(covered.losses),
                "loss": round(loss, 6),
            }
        )
        mismatches.put(key, open_)
        sale = article.newest if article else receipt.newest_line
        elsewhere: dict[str, Any] = {"refundedInStores": stores} if stores else {}
        if event.is_of_other_store:
            elsewhere["originalStoreId"] = event.original_store_id
        return self.alert(
            event,
            time=event.event_time,
            employee_id=open_.cashier_id,
            risk=open_.risk,
            message=mismatch_message(event, receipt, covered, open_.loss),
            evidence={
                "transactionId": event.transaction_id,
                "originalTransactionId": receipt.number,
                "matchedBy": matched_by,
                "reasons": open_.reasons,
                "loss": round(open_.loss, 6),
                "lines": list(open_.lines),
                "saleTime": sale.time,
                "saleCashierId": sale.cashier_id,
                **elsewhere,
            },
            episode=open_,
        )
