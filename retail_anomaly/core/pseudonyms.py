"""Pseudonyms: keyed hashes that stand for the ids of employees.

The codec's events get them before anything else sees the event, so that no state, topic or page holds an id.
Whoever has the key can tell which of some ids a pseudonym stands for, by hashing them. No table of ids is
kept.
"""

import re
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from itertools import pairwise
from typing import Final, TypeVar

from msgspec.structs import force_setattr

from retail_anomaly.core import codec
from retail_anomaly.core.events import CountEvent, Event, MovementEvent, PosEvent, ShiftEvent, TillEvent

# Crockford's letters: none of them is taken for another when a person reads a pseudonym aloud.
_LETTERS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH: Final = 12
_PREFIX: Final = "E-"
_FORM: Final = re.compile(rf"{_PREFIX}[{_LETTERS}]{{{_LENGTH}}}")
_PURPOSE: Final = b"retail-employee"
_MOST_CACHED: Final = 100_000
LEAST_KEY_BYTES: Final = 16
"""A key with fewer bytes could be found by trying."""

E = TypeVar("E", bound=Event)


def is_pseudonym(text: str) -> bool:
    """Tell whether a text has the form of a pseudonym.

    Examples
    --------
    >>> is_pseudonym("E-7f3k9mq2x4hd"), is_pseudonym("c-17")
    (True, False)
    """
    return _FORM.fullmatch(text) is not None


def is_exempt(employee_id: str, not_persons: Collection[str]) -> bool:
    """Tell whether an id is one of those that name no employee.

    Parameters
    ----------
    employee_id
        The id.
    not_persons
        Such ids. ``SCO-*`` means all that begin so.

    Examples
    --------
    >>> is_exempt("SCO-3", ["SCO-*"]), is_exempt("c-17", ["SCO-*"])
    (True, False)
    """
    return any(
        employee_id == each or (each.endswith("*") and employee_id.startswith(each[:-1]))
        for each in not_persons
    )


def pseudonym(key: bytes, employee_id: str) -> str:
    """Return the pseudonym of an id under a key.

    Parameters
    ----------
    key
        The secret, of any length.
    employee_id
        The id.

    Returns
    -------
    str
        ``E-`` and 12 letters: 60 bits of BLAKE2b with the key. Two of n ids share one with a probability
        below n * n / 2**61: 1 in 200 million for 100,000 employees.

    Examples
    --------
    >>> pseudonym(b"not a secret key", "c-17")
    'E-t1734drwe042'
    """
    # A key may be longer than the 64 bytes that BLAKE2b takes.
    secret = blake2b(key, person=_PURPOSE).digest()
    digest = blake2b(employee_id.encode("utf-8", "surrogatepass"), digest_size=8, key=secret).digest()
    number = int.from_bytes(digest, "big")
    return _PREFIX + "".join(_LETTERS[number >> 5 * place & 31] for place in range(_LENGTH))


class Pseudonyms:
    """Puts pseudonyms in the place of the ids of employees.

    Parameters
    ----------
    keys
        For each epoch the time at which it begins, in epoch milliseconds, and its key; in the order of time.
        Events before the first one have its key.
    pause
        How long, in milliseconds, an employee has no event in a store before a new pseudonym is taken.
    overlap
        How long, in milliseconds, after the beginning of an epoch a pseudonym of the one before may last.
    not_persons
        Ids that name no employee and stay: a self-checkout till. ``SCO-*`` means all that begin so.

    Attributes
    ----------
    decode
        Reads one event as `codec.decode` does, and hides the ids in it.
    newest, newest_since
        The pseudonyms of the last epoch by id, each made when it is asked for, and when it begins.
    older, newer
        The pseudonym that an id has in the epoch before and in the one after, by the one that an event got.

    Raises
    ------
    ValueError
        There is no key, one is too short, or two epochs begin at one time.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> hashed = Pseudonyms([(0, b"not a secret key")])
    >>> hashed.hidden(CountEvent("s", "k", 3, 1_760_000_000_000, "c-17")).manager_id
    'E-t1734drwe042'
    """

    def __init__(
        self,
        keys: Sequence[tuple[int, bytes]],
        *,
        pause: int = 0,
        overlap: int = 0,
        not_persons: Collection[str] = (),
    ) -> None:
        if not keys or any(len(key) < LEAST_KEY_BYTES for _, key in keys):
            raise ValueError(f"expected keys of {LEAST_KEY_BYTES} bytes or more")
        if any(later[0] <= earlier[0] for earlier, later in pairwise(keys)):
            raise ValueError("expected epochs in the order of time")
        self.pause = pause
        self.overlap = overlap
        self.starts = tuple(since for since, _ in keys[1:])
        self.older: dict[str, str] = {}
        self.newer: dict[str, str] = {}
        self._keys = tuple(key for _, key in keys)
        self._epochs = [_Epoch(self, number, tuple(not_persons)) for number in range(len(keys))]
        self.newest: Mapping[str, str] = self._epochs[-1]
        self.newest_since = self.starts[-1] if self.starts else 0
        self.decode = codec.decoder(self)

    def hidden(self, event: E) -> E:
        """Return an event with pseudonyms, in place of the ids that it names.

        The event itself is changed: give it one that the codec has just made, and that nobody else has.
        """
        if isinstance(event, PosEvent) or isinstance(event, TillEvent):  # noqa: SIM101 - a tuple takes longer
            time = event.event_time
            names = self.newest if time >= self.newest_since else self._epoch(time)
            force_setattr(event, "cashier_id", names[event.cashier_id])
            if event.approver_id is not None:
                force_setattr(event, "approver_id", names[event.approver_id])
        elif isinstance(event, ShiftEvent):
            force_setattr(event, "employee_id", self._epoch(event.shift_start)[event.employee_id])
        elif isinstance(event, CountEvent):
            if event.manager_id is not None:
                force_setattr(event, "manager_id", self._epoch(event.event_time)[event.manager_id])
        elif isinstance(event, MovementEvent) and event.employee_id is not None:
            force_setattr(event, "employee_id", self._epoch(event.event_time)[event.employee_id])
        return event

    def of(self, employee_id: str, time: int) -> str:
        """Return the pseudonym of an id at a time, in epoch milliseconds; a pseudonym stays as it is."""
        return employee_id if is_pseudonym(employee_id) else self._epoch(time)[employee_id]

    def all_of(self, employee_id: str) -> tuple[str, ...]:
        """Return the pseudonyms of an id in all epochs."""
        return tuple(pseudonym(key, employee_id) for key in self._keys)

    def _epoch(self, time: int) -> "_Epoch":
        return self._epochs[bisect_right(self.starts, time)]

    def _of_epoch(self, number: int, employee_id: str) -> str:
        name = pseudonym(self._keys[number], employee_id)
        if len(self.older) + len(self.newer) > 2 * _MOST_CACHED:
            self.older.clear()
            self.newer.clear()
        if number > 0:
            self.older[name] = pseudonym(self._keys[number - 1], employee_id)
        if number + 1 < len(self._keys):
            self.newer[name] = pseudonym(self._keys[number + 1], employee_id)
        return name


class _Epoch(dict[str, str]):
    """The pseudonyms of one epoch by id: each is computed once, as long as there are not too many."""

    __slots__ = ("_names", "_not_persons", "_number")

    def __init__(self, names: Pseudonyms, number: int, not_persons: tuple[str, ...]) -> None:
        self._names = names
        self._number = number
        self._not_persons = not_persons

    def __missing__(self, employee_id: str) -> str:
        if is_exempt(employee_id, self._not_persons):
            return employee_id
        # Ids that somebody makes up must not fill the memory.
        if len(self) >= _MOST_CACHED:
            self.clear()
        name = self[employee_id] = self._names._of_epoch(self._number, employee_id)
        return name
