"""The events of a retailer, as typed structs.

Names are camelCase in JSON and snake_case in Python. Times are integer epoch milliseconds. An event within
the limits below is valid; any other value becomes a dead letter. `retail_anomaly.core.event_checks` looks at
dates and at tokens that may be card numbers, which no type can say.
"""

from enum import IntEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

POS_EVENTS: Final = "pos-events"
STAFF_SHIFTS: Final = "staff-shifts"
SECURITY_EVENTS: Final = "security-events"
INVENTORY_COUNTS: Final = "inventory-counts"
STOCK_MOVEMENTS: Final = "stock-movements"
ALERTS: Final = "anomaly-alerts"
DEAD_LETTERS: Final = "dead-letters"

SALE: Final = "SALE"
REFUND: Final = "REFUND"
LINE_VOID: Final = "LINE_VOID"
VOID: Final = "VOID"
POST_VOID: Final = "POST_VOID"

# 2000-01-01 and 2099-12-31. An earlier time is almost surely in seconds; a later one is a wrong clock, or the
# digits of a date, such as 20251009085320.
LATEST: Final = 4_102_444_799_999
Millis: TypeAlias = Annotated[
    int,
    Meta(
        ge=946_684_800_000,
        le=LATEST,
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
# Bounded: the ids and texts of one event then fit a Kafka record, an alert and a state record. 1,024
# characters take at most 4 kB in UTF-8.
Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1_024, description="text")]
# Bounded, so that no sum of quantities leaves 64 bits and no sum of amounts becomes infinite.
MOST_PIECES: Final = 1_000_000_000_000
Quantity: TypeAlias = (
    Annotated[int, Meta(gt=0, le=MOST_PIECES)] | Annotated[float, Meta(gt=0, le=MOST_PIECES)]
)
Count: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_PIECES)] | Annotated[float, Meta(ge=0, le=MOST_PIECES)]
Movement: TypeAlias = (
    Annotated[int, Meta(ge=-MOST_PIECES, le=MOST_PIECES)]
    | Annotated[float, Meta(ge=-MOST_PIECES, le=MOST_PIECES)]
)
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e300, description="a number >= 0")]
LineNumber: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_PIECES)]


class ImpliedQuantity(IntEnum):
    """The quantity of a receipt line that bears none: it counts as 1 and is not written.

    Examples
    --------
    >>> PosEvent("t-1", "store-1", "c-1", "sku-1", 9.5, "SALE", 1_760_000_000_000).has_quantity
    False
    """

    ONE = 1

    __repr__ = int.__repr__


IMPLIED: Final = ImpliedQuantity.ONE


class PosDetails(Struct, frozen=True, gc=False, kw_only=True, rename="camel", omit_defaults=True):
    """The fields that any POS event may bear.

    Parameters
    ----------
    business_date
        The day that the till books the receipt on, as ``YYYY-MM-DD``.
    line_number
        The line's place on the receipt, 0 or more.
    original_register_id, original_business_date, original_store_id
        With the original transaction: the receipt that a refund or a void takes back.
    unit_price, list_price, discount_amount, expected_amount
        Prices and amounts in the store's currency, zero or more.
    entry_method, reason_code
        How the line came in (``SCAN``, ``KEYED``), and the reason that the cashier chose.
    approver_id
        The employee who approved it.
    customer_token, card_token, gift_card_token
        Stand for a customer, a payment card and a gift card; never a card's number.
    employee_discount, training
        Whether the discount for employees was given; whether the till was in training mode.

    Examples
    --------
    >>> TillEvent("store-1", "c-1", "NO_SALE", 1_760_000_000_000, training=True).training
    True
    """

    business_date: Text | None = None
    line_number: LineNumber | None = None
    original_register_id: Text | None = None
    original_business_date: Text | None = None
    original_store_id: Text | None = None
    unit_price: Amount | None = None
    list_price: Amount | None = None
    discount_amount: Amount | None = None
    expected_amount: Amount | None = None
    entry_method: Text | None = None
    approver_id: Text | None = None
    reason_code: Text | None = None
    customer_token: Text | None = None
    card_token: Text | None = None
    gift_card_token: Text | None = None
    employee_discount: bool = False
    training: bool = False


class PosEvent(PosDetails, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """One line of a receipt.

    Parameters
    ----------
    transaction_id, store_id, cashier_id, sku
        The receipt's number, the store, the cashier and the article; never empty.
    amount
        The line's total in the store's currency, zero or more.
    event_type
        ``SALE``, ``REFUND`` or ``LINE_VOID`` in any case; an event of another type that has these fields.
    event_time
        Epoch milliseconds.
    quantity
        Pieces or weight, above 0. A line without quantity counts as 1; `has_quantity` tells.
    original_transaction_id
        For a refund: the sale that it takes back, if the till knows it.
    event_id
        Identifies the message, so that a repeated one is recognised.
    register_id, tender
        The till and the means of payment.

    See Also
    --------
    PosDetails : the further fields, which are given by name.

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
    quantity: Quantity = IMPLIED
    original_transaction_id: Text | None = None
    event_id: Text | None = None
    register_id: Text | None = None
    tender: Text | None = None

    @property
    def has_quantity(self) -> bool:
        """Whether the line itself bears a quantity."""
        return self.quantity is not IMPLIED

    @property
    def is_of_other_store(self) -> bool:
        """Whether it names a receipt of another store."""
        return self.original_store_id is not None and self.original_store_id != self.store_id

    @property
    def names_receipt_elsewhere(self) -> bool:
        """Whether it is a refund that names store and number of another store's receipt."""
        return (
            self.original_store_id is not None
            and self.original_transaction_id is not None
            and self.original_store_id != self.store_id
            and self.event_type.upper() == REFUND
            and not self.training
        )


class TillEvent(PosDetails, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A POS event that is no receipt line: a void, a drawer opened, cash paid out.

    Parameters
    ----------
    store_id, cashier_id, event_type, event_time
        The store, the cashier, any type but ``SALE``, ``REFUND`` and ``LINE_VOID``, and epoch milliseconds.
    transaction_id
        The receipt's number; ``VOID`` and ``POST_VOID`` bear it.
    sku, amount, quantity
        As of a `PosEvent`, but None where absent.
    original_transaction_id, event_id, register_id, tender
        As of a `PosEvent`.

    See Also
    --------
    PosDetails : the further fields, which are given by name.

    Examples
    --------
    >>> TillEvent("store-1", "c-1", "NO_SALE", 1_760_000_000_000).transaction_id is None
    True
    """

    store_id: Text
    cashier_id: Text
    event_type: Text
    event_time: Millis
    transaction_id: Text | None = None
    sku: Text | None = None
    amount: Amount | None = None
    quantity: Quantity | None = None
    original_transaction_id: Text | None = None
    event_id: Text | None = None
    register_id: Text | None = None
    tender: Text | None = None


class ShiftEvent(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """A planned shift of an employee; both ends count as worked.

    Parameters
    ----------
    employee_id, store_id
        The employee and the store.
    shift_start, shift_end
        Epoch milliseconds; the end is after the start.
    role
        The employee's task in this shift.
    shift_id
        Identifies the shift: a later event with the id of a known shift replaces it.
    cancelled
        Whether this shift is taken out of the plan.

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
    shift_id: Text | None = None
    cancelled: bool = False

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
    """A stock count: the pieces or the weight of one sku in the store.

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


_OF_TILLS: Final = frozenset({"SALE", "RETURN"})


class MovementEvent(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """Goods that come into the store or leave it without a sale: a delivery, a transfer, a write-off.

    Parameters
    ----------
    store_id, sku
        The store and the article.
    quantity
        Pieces or weight, not 0: above 0 they come in, below 0 they leave.
    event_time
        Epoch milliseconds.
    reason
        ``DELIVERY``, ``TRANSFER``, ``WRITE_OFF`` or any other text.
    movement_id
        Identifies the message, so that a repeated one is recognised.
    employee_id
        The employee who booked it.

    Examples
    --------
    >>> MovementEvent("store-1", "sku-1", 24, 1_760_000_000_000, "DELIVERY").quantity
    24
    """

    store_id: Text
    sku: Text
    quantity: Movement
    event_time: Millis
    reason: Text | None = None
    movement_id: Text | None = None
    employee_id: Text | None = None

    def __post_init__(self) -> None:
        if self.quantity == 0:
            raise ValueError("quantity: expected a number other than 0")

    @property
    def is_of_tills(self) -> bool:
        """Whether the tills tell of it too, by the reason: a sale or a return counts once."""
        return self.reason is not None and self.reason.upper() in _OF_TILLS


TimedEvent: TypeAlias = PosEvent | TillEvent | SecurityEvent | CountEvent | MovementEvent
"""An event that happens at one time; a shift is the other kind."""
Event: TypeAlias = TimedEvent | ShiftEvent

EVENT_TYPES: Final[dict[str, type[Event]]] = {
    POS_EVENTS: PosEvent,
    STAFF_SHIFTS: ShiftEvent,
    SECURITY_EVENTS: SecurityEvent,
    INVENTORY_COUNTS: CountEvent,
    STOCK_MOVEMENTS: MovementEvent,
}
"""By topic: the type of its events. A POS event that is no receipt line is a `TillEvent`."""
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
