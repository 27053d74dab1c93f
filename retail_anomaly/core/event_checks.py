"""Checks of an event that the types of its fields cannot say: card numbers, dates, whole quantities."""

import msgspec

from retail_anomaly.core.card_numbers import is_card_number
from retail_anomaly.core.events import CountEvent, Event, MovementEvent, PosEvent, TillEvent
from retail_anomaly.core.invalid import InvalidEvent, InvalidKind
from retail_anomaly.core.local_time import is_date
from retail_anomaly.core.quantities import whole


def checked(event: Event) -> Event:
    """Check what the types of the fields cannot say; `decode` and `from_mapping` call it.

    Parameters
    ----------
    event
        An event that a decoder or `msgspec.convert` made.

    Returns
    -------
    Event
        The event, with a whole quantity as an integer.

    Raises
    ------
    InvalidEvent
        A token is a card number, or a date is none; the reason names the field and never the number.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> checked(CountEvent("s", "k", 3.0, 1_760_000_000_000)).counted_qty
    3
    """
    if isinstance(event, PosEvent):
        quantity = event.quantity
        if event.card_token or event.customer_token or event.gift_card_token:
            _check_tokens(event)
        if event.business_date or event.original_business_date:
            _check_dates(event)
        if quantity.__class__ is float and quantity.is_integer():
            return msgspec.structs.replace(event, quantity=int(quantity))
    elif isinstance(event, TillEvent):
        _check_tokens(event)
        _check_dates(event)
        if event.quantity is not None:
            return msgspec.structs.replace(event, quantity=whole(event.quantity))
    elif isinstance(event, CountEvent):
        if event.counted_qty.__class__ is float:
            return msgspec.structs.replace(event, counted_qty=whole(event.counted_qty))
    elif isinstance(event, MovementEvent) and event.quantity.__class__ is float:
        return msgspec.structs.replace(event, quantity=whole(event.quantity))
    return event


def card_number_error(name: str) -> InvalidEvent:
    """Return the error of a field that has a card number.

    Examples
    --------
    >>> print(card_number_error("cardToken"))
    cardToken: expected a token, got a card number: send a token in its place
    """
    return InvalidEvent(
        name,
        f"{name}: expected a token, got a card number: send a token in its place",
        InvalidKind.CARD_NUMBER,
    )


def _check_tokens(event: PosEvent | TillEvent) -> None:
    for name, token in (
        ("customerToken", event.customer_token),
        ("cardToken", event.card_token),
        ("giftCardToken", event.gift_card_token),
    ):
        if token is not None and is_card_number(token):
            raise card_number_error(name)


def _check_dates(event: PosEvent | TillEvent) -> None:
    for name, day in (
        ("businessDate", event.business_date),
        ("originalBusinessDate", event.original_business_date),
    ):
        if day is not None and not is_date(day):
            raise InvalidEvent(name, f"{name}: expected a date as YYYY-MM-DD")
