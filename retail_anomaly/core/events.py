"""The events of a retailer, as typed structs.

Names are camelCase in JSON and snake_case in Python. Times are integer epoch milliseconds. An event within
the limits below is valid; any other value becomes a dead letter.
"""

from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

POS_EVENTS: Final = "pos-events"
STAFF_SHIFTS: Final = "staff-shifts"
SECURITY_EVENTS: Final = "security-events"
INVENTORY_COUNTS: Final = "inventory-counts"
ALERTS: Final = "anomaly-alerts"
DEAD_LETTERS: Final = "dead-letters"

SALE: Final = "SALE"
REFUND: Final = "REFUND"

# 2000-01-01 and 2099-12-31. An earlier time is almost surely in seconds; a later one is a wrong clock, or the
# digits of a date, such as 20251009085320.
Millis: TypeAlias = Annotated[
    int,
    Meta(
        ge=946_684_800_000,
        le=4_102_444_799_999,
        description="a time in epoch milliseconds, from 2000 to 2099",
    ),
]
# Alerts and incidents may have been written before the limit above was set. They go up to 9999-12-31: a later
# time does not fit a date.
AnyMillis: TypeAlias = Annotated[
    int,
    Meta(
        ge=946_684_800_000,
        le=253_402_300_799_999,
        description="a time in epoch milliseconds, from 2000 to 9999",
    ),
]
Text: TypeAlias = Annotated[str, Meta(min_length=1, description="text")]
# Bounded, so that no sum of quantities leaves 64 bits and no sum of amounts becomes infinite.
Quantity: TypeAlias = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000_000_000)]
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e300, description="a number >= 0")]


class PosEvent(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One line of a receipt; lines with equal transaction and time are one receipt.

    Parameters
    ----------
    transaction_id, store_id, cashier_id, sku
        The receipt, the store, the cashier and the article; never empty.
    amount
        The line's total in the store's currency, zero or more.
    event_type
        ``SALE`` or ``REFUND`` in any case; other types are valid and ignored.
    event_time
        Epoch milliseconds.
    quantity
        Pieces, one or more.
    original_transaction_id
        For a refund: the sale that it takes back, if the till knows it.
    event_id
        Identifies the message, so that a repeated one is recognised.
    register_id, tender
        The till and the means of payment.

    Examples
    --------
    >>> PosEvent("t-1", "store-1", "c-1", "sku-1", 9.5, "SALE", 1_760_000_000_000).quantity
    1
    """

    transaction_id: Text
    store_id: Text
    cashier_id: Text
    sku: Text
    amount: Amount
    event_type: Text
    event_time: Millis
    quantity: Quantity = 1
    original_transaction_id: Text | None = None
    event_id: Text | None = None
    register_id: Text | None = None
    tender: Text | None = None


class ShiftEvent(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A planned shift of an employee; both ends count as worked.

    Examples
    --------
    >>> ShiftEvent("c-1", "store-1", 1_760_000_000_000, 1_760_028_800_000).role is None
    True
    """

    employee_id: Text
    store_id: Text
    shift_start: Millis
    shift_end: Millis
    role: Text | None = None

    def __post_init__(self) -> None:
        if self.shift_end <= self.shift_start:
            raise ValueError("shiftEnd: expected a time after shiftStart")


class GateData(Struct, frozen=True, gc=False, rename="camel"):
    """The observation of a security gate.

    Examples
    --------
    >>> GateData("gate-1", alarm=True).alarm
    True
    """

    gate_id: Text
    alarm: bool


class SecurityEvent(Struct, frozen=True, gc=False, rename="camel"):
    """An event of a security gate; an alarm if ``event_data.alarm`` is true.

    Examples
    --------
    >>> SecurityEvent("g-1", "store-1", 1_760_000_000_000, "GATE", GateData("gate-1", True)).event_id
    'g-1'
    """

    event_id: Text
    store_id: Text
    event_time: Millis
    event_type: Text
    event_data: GateData


class CountEvent(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A stock count: the number of pieces of one sku in the store.

    Examples
    --------
    >>> CountEvent("store-1", "sku-1", 20, 1_760_000_000_000).counted_qty
    20
    """

    store_id: Text
    sku: Text
    counted_qty: Count
    event_time: Millis
    manager_id: Text | None = None


Event: TypeAlias = PosEvent | ShiftEvent | SecurityEvent | CountEvent

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    POS_EVENTS: PosEvent,
    STAFF_SHIFTS: ShiftEvent,
    SECURITY_EVENTS: SecurityEvent,
    INVENTORY_COUNTS: CountEvent,
}
INPUT_TOPICS: Final = tuple(EVENT_TYPES)


def time_of(event: Event) -> int:
    """Return the time that places an event among others, in epoch milliseconds.

    A shift has no event time; it is placed at its start.

    Examples
    --------
    >>> time_of(CountEvent("store-1", "sku-1", 20, 1_760_000_000_000))
    1760000000000
    """
    return event.shift_start if isinstance(event, ShiftEvent) else event.event_time
