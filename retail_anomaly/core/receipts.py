"""Receipts: the identity of one, and the identities that a reference matches.

A till numbers its receipts. ``numbered_by`` says within which bounds a number is unique: the store, the
register, or the register's day. The identity of a receipt has one, two or three parts accordingly.
"""

from itertools import product
from typing import Final, Literal, NamedTuple, TypeAlias

from retail_anomaly.core.events import PosEvent, TillEvent
from retail_anomaly.core.local_time import LocalTime, date_of

NumberedBy: TypeAlias = Literal["store", "register", "register_day"]
Identity: TypeAlias = tuple[str, ...]
"""The number of a receipt; then, as far as the setting uses them, its register and its business date."""
Named: TypeAlias = tuple[str | None, ...]
"""An identity of which a reference may leave out parts; a part left out is None."""

_PARTS: Final[dict[NumberedBy, int]] = {"store": 1, "register": 2, "register_day": 3}
# Of no pattern, so that texts which differ in few characters have nothing in common modulo the prime.
_PRIME: Final = 0xFDE2DFC709984E97
_FACTOR: Final = 0x0307DA6DF2E2E083


class Receipt(NamedTuple):
    """A receipt: lines of one identity, each at most 24 h from the one that was processed first.

    Parameters
    ----------
    identity
        Its number and, as the setting says, its register and its business date.
    first
        The time of the line that was processed first, in epoch milliseconds.

    Examples
    --------
    >>> Receipt(("42", "till-1"), 1_760_000_000_000).key
    '42/till-1@1760000000000'
    """

    identity: Identity
    first: int

    @property
    def key(self) -> str:
        """A text that no other receipt of the store has, but for texts that contain the separators."""
        return f"{'/'.join(self.identity)}@{self.first}"


class Numbering:
    """Tells the identity of a receipt.

    Parameters
    ----------
    by
        The bounds within which a transaction number is unique.
    local
        The store's days: without a business date, the local date of the event counts.

    Examples
    --------
    >>> from retail_anomaly.core.local_time import UTC
    >>> sale = PosEvent("42", "s", "c", "k", 1.0, "SALE", 1_760_000_000_000, register_id="till-1")
    >>> Numbering("register_day", LocalTime(UTC)).identity(sale)
    ('42', 'till-1', '2025-10-09')
    """

    __slots__ = ("_date", "_local", "_parts", "by")

    def __init__(self, by: NumberedBy, local: LocalTime) -> None:
        self.by: NumberedBy = by
        self._parts = _PARTS[by]
        self._local = local
        self._date = (0, "")

    def identity(self, event: PosEvent | TillEvent) -> Identity:
        """Return the identity of an event's own receipt; the event has a transaction id."""
        number = event.transaction_id or ""
        return (number,) if self._parts == 1 else (number, *self.series(event))

    def series(self, event: PosEvent | TillEvent) -> Identity:
        """Return the identity without the number: within one series, a number is one receipt."""
        if self._parts == 1:
            return ()
        register = event.register_id or ""
        if self._parts == _PARTS["register"]:
            return (register,)
        return register, event.business_date or self._local_date(event.event_time)

    def named(self, event: PosEvent | TillEvent) -> Named | None:
        """Return the identity that an event's reference names, or None where it has no reference."""
        number = event.original_transaction_id
        if not number:
            return None
        return (number, event.original_register_id, event.original_business_date)[: self._parts]

    def own(self, event: PosEvent | TillEvent) -> Named:
        """Return the identity of a void's own receipt; without a business date it is of any date."""
        identity = self.identity(event)
        dated = len(identity) == _PARTS["register_day"] and event.business_date is None
        return (*identity[:2], None) if dated else identity

    def _local_date(self, time: int) -> str:
        day = self._local.of(time)[0]
        if day != self._date[0]:
            self._date = (day, date_of(day))
        return self._date[1]


def agrees(named: Named, identity: Identity) -> bool:
    """Tell whether a reference matches an identity: in each part that it names.

    Examples
    --------
    >>> agrees(("42", None), ("42", "till-1")), agrees(("42", "till-2"), ("42", "till-1"))
    (True, False)
    """
    return all(part is None or part == own for part, own in zip(named, identity, strict=True))


def text_hash(text: str) -> int:
    """Return a hash of 64 bits that is the same in every process, unlike Python's `hash`.

    It is the text as a number, times a factor, modulo a prime of 64 bits: half the time of a
    cryptographic hash. Two of a million texts share one with a chance of 3 in 100 million.

    Examples
    --------
    >>> text_hash("42") == text_hash("42") != text_hash("43")
    True
    """
    data = text.encode()
    if data[-1:] == b"\0":
        data += b"\xff"  # which no text has: the number is that of another text otherwise
    return int.from_bytes(data, "little") * _FACTOR % _PRIME


def token_hash(field: str, token: str, sku: str) -> int:
    """Return the hash of a token and a sku, to find a sale by; the field says what kind of token it is.

    Examples
    --------
    >>> token_hash("card", "a", "k") == token_hash("customer", "a", "k")
    False
    """
    return text_hash(f"{field}\x1f{token}\x1f{sku}")


def series_hash(series: Named) -> int:
    """Return the hash of an identity without its number, or of the parts of it that a reference names.

    XOR with the `text_hash` of the number, it is the hash of the reference.

    Examples
    --------
    >>> series_hash((None, None)), series_hash(())
    (0, 0)
    """
    named = [f"{place}={part}" for place, part in enumerate(series) if part is not None]
    return text_hash("\x1f".join(named)) if named else 0


def references(series: Identity) -> list[Named]:
    """Return the ways in which a reference may name a series: each part named or left out.

    Examples
    --------
    >>> references(("till-1",))
    [(None,), ('till-1',)]
    """
    return list(product(*((None, part) for part in series)))
