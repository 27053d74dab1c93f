"""ROUND_REFUND: a cashier refunds a high, round amount. A test adds the detector to a copy of the project."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from retail_anomaly.detector import (
    Alert,
    Detector,
    DetectorState,
    Parameters,
    PosEvent,
    Range,
    StoreMemory,
    reaches,
)


class RoundRefundParameters(Parameters, frozen=True):
    """The amounts that alert."""

    amount: Annotated[
        float,
        Meta(
            gt=0,
            description="From this amount on a round refund alerts.",
            extra=Range(10, 500, step=5).declared,
        ),
    ] = 90.0


class RoundRefund(Detector[RoundRefundParameters, DetectorState]):
    """Alert when a cashier refunds a high, round amount.

    Cannot see: refunds that are round in another currency, and refunds whose amount ends with some cents.
    """

    name = "round_refund"
    alert_type = "ROUND_REFUND"
    Parameters = RoundRefundParameters

    def new_state(self) -> DetectorState:
        """Return a store's state, which is empty."""
        return DetectorState()

    def on_refund(self, event: PosEvent, state: DetectorState, store: StoreMemory) -> Sequence[Alert]:
        """Alert at a high, round amount."""
        if not reaches(event.amount, self.parameters.amount) or event.amount % 10:
            return ()
        return (
            self.alert(
                event,
                time=event.event_time,
                employee_id=event.cashier_id,
                risk=0.5,
                message=f"Cashier {event.cashier_id} refunded a round {event.amount:.2f}.",
                evidence={"transactionId": event.transaction_id, "amount": event.amount},
            ),
        )
