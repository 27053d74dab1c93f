"""POS events with what their store knows about them: the shift, the receipt, the local day and hour."""

from typing import Final

from retail_anomaly.core.events import Millis, PosEvent, Text, TillEvent
from retail_anomaly.core.local_time import date_of
from retail_anomaly.core.memory import StoreMemory

_QUARTERS_PER_HOUR: Final = 4
_FIELDS: Final = tuple(name for name in TillEvent.__struct_fields__ if name != "quantity")


class EnrichedEvent(TillEvent, frozen=True, gc=False, kw_only=True, rename="camel", omit_defaults=True):
    """A POS event and what its store knew about it when the event was processed.

    Parameters
    ----------
    local_date, local_hour
        Day, as ``YYYY-MM-DD``, and hour of the event by the store's clock.
    receipt
        The receipt's identity, its parts joined by ``/``; None without a transaction id.
    off_shift
        Whether none of the cashier's shifts covers the event; None while no shift of the cashier is known.
    shift_start, shift_end, shift_role
        The shift that covers the event, or else the nearest one; None if no shift is known.

    Examples
    --------
    >>> from retail_anomaly.core.engine import Engine
    >>> store = Engine([]).new_store("s")
    >>> enriched(PosEvent("42", "s", "c", "k", 1.0, "SALE", 1_760_000_000_000), store).local_hour
    8
    """

    local_date: Text
    local_hour: int
    receipt: str | None = None
    off_shift: bool | None = None
    shift_start: Millis | None = None
    shift_end: Millis | None = None
    shift_role: str | None = None


def enriched(event: PosEvent | TillEvent, store: StoreMemory) -> EnrichedEvent:
    """Return a POS event with what its store knows; later shifts do not change it.

    Parameters
    ----------
    event
        The event, already processed.
    store
        The memory of its store.
    """
    day, quarter = store.local.of(event.event_time)
    shift = store.shift_at(event.cashier_id, event.event_time)
    # A line without quantity counts as 1, and so it is shown.
    quantity = None if event.quantity is None else event.quantity + 0
    return EnrichedEvent(
        **{name: getattr(event, name) for name in _FIELDS},
        quantity=quantity,
        local_date=date_of(day),
        local_hour=quarter // _QUARTERS_PER_HOUR,
        receipt="/".join(store.numbering.identity(event)) if event.transaction_id else None,
        off_shift=store.off_shift(event.cashier_id, event.event_time),
        shift_start=None if shift is None else shift.start,
        shift_end=None if shift is None else shift.end,
        shift_role=None if shift is None else shift.role,
    )
