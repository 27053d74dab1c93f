"""Filters as closures: no text is evaluated while events flow."""

import re
from collections.abc import Callable, Sequence
from functools import reduce
from operator import attrgetter
from typing import Any, Final, TypeAlias

from retail_anomaly.core.detector import TOLERANCE
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.rules.model import EventFilter, FieldTest
from retail_anomaly.rules.vocabulary import FIELDS, POS, SECURITY, WEEKDAYS

Read: TypeAlias = Callable[[Any, StoreMemory], Any]
"""Reads a field of an event; None: the event lacks it."""
Holds: TypeAlias = Callable[[Any, StoreMemory], bool]

_CAPITAL: Final = re.compile(r"(?=[A-Z])")


def reader(field: str, topic: str) -> Read:
    """Return the function that reads a field of a topic's events, made fields included.

    A field that the topic has not is absent.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> store = StoreMemory("s", max_late=0, dedupe_memory=0, detectors={})
    >>> event = CountEvent("s", "k", 9, 1_760_000_000_000)
    >>> reader("weekday", "inventory-counts")(event, store)
    'thu'
    """
    if field not in FIELDS[topic]:
        return lambda event, store: None
    if field in MADE:
        return MADE[field]
    plain = plain_reader(field, topic)
    return lambda event, store: plain(event)


def filters_left(
    filters: Sequence[EventFilter], topic: str, kind: str, training: bool
) -> list[tuple[FieldTest, ...]]:
    """Return, for each filter that may match, the tests that the type and training do not decide."""
    left = []
    for each in filters:
        if each.topic != topic or (training and not each.names_training):
            continue
        decided = {"eventType": kind, "training": training} if topic == POS else {}
        if topic == SECURITY:
            decided = {"eventType": kind}
        if all(_decides(test, decided) for test in each.tests if _is_decided(test, decided)):
            left.append(tuple(test for test in each.tests if not _is_decided(test, decided)))
    return left


def all_hold(tests: Sequence[FieldTest], topic: str) -> Holds | None:
    """Return the function that tells whether all tests hold; None if there is none to make."""
    held = [_test(test, topic) for test in tests]
    if not held:
        return None
    return reduce(_both, held)


def any_holds(options: Sequence[tuple[FieldTest, ...]], topic: str) -> Holds | None:
    """Return the function that tells whether one of the options holds; None if one always does."""
    made = [all_hold(tests, topic) for tests in options]
    held = [holds for holds in made if holds is not None]
    if len(held) < len(made):
        return None
    return reduce(_either, held)


# Pairs, for all() and any() over a generator take three times as long.
def _both(one: Holds, other: Holds) -> Holds:
    return lambda event, store: one(event, store) and other(event, store)


def _either(one: Holds, other: Holds) -> Holds:
    return lambda event, store: one(event, store) or other(event, store)


def _is_decided(test: FieldTest, decided: dict[str, Any]) -> bool:
    return test.field in decided and test.modifier not in ("field", "share")


def _decides(test: FieldTest, decided: dict[str, Any]) -> bool:
    return _of_value(test)(decided[test.field], None)  # type: ignore[arg-type]


def _test(test: FieldTest, topic: str) -> Holds:
    if test.modifier == "field":
        return _field_test(test, topic)
    if test.modifier == "share":
        return _share_test(test, topic)
    if test.field in MADE:
        read, holds = MADE[test.field], _of_value(test)
        return lambda event, store: holds(read(event, store), store)
    return _with(plain_reader(test.field, topic), test)


def _field_test(test: FieldTest, topic: str) -> Holds:
    if test.field in MADE or test.wanted in MADE:
        read, other = reader(test.field, topic), reader(test.wanted, topic)
        return lambda event, store: (value := read(event, store)) is not None and value == other(event, store)
    one, two = plain_reader(test.field, topic), plain_reader(test.wanted, topic)
    return lambda event, store: (value := one(event)) is not None and value == two(event)


def _share_test(test: FieldTest, topic: str) -> Holds:
    field, share = test.wanted
    if test.field in MADE or field in MADE:
        read, other = reader(test.field, topic), reader(field, topic)

        def reaches_share(event: Any, store: StoreMemory) -> bool:
            value, whole = read(event, store), other(event, store)
            return value is not None and whole is not None and value >= share * whole - TOLERANCE

        return reaches_share
    one, two = plain_reader(test.field, topic), plain_reader(field, topic)

    def reaches_plain_share(event: Any, store: StoreMemory) -> bool:
        value = one(event)
        if value is None:
            return False
        whole = two(event)
        return whole is not None and value >= share * whole - TOLERANCE

    return reaches_plain_share


def _of_value(test: FieldTest) -> Holds:
    """Return the test of a value that was read already."""
    return _with(lambda value: value, test)


def _with(read: Callable[[Any], Any], test: FieldTest) -> Holds:
    """Return a test over one field; each modifier has a closure of its own, for it runs at each event."""
    wanted, modifier = test.wanted, test.modifier
    if modifier == "":
        if len(wanted) == 1:
            only = wanted[0]
            return lambda event, store: read(event) == only
        choice = frozenset(wanted)
        return lambda event, store: read(event) in choice
    if modifier == "not":
        banned = frozenset(wanted)
        return lambda event, store: (value := read(event)) is not None and value not in banned
    if modifier == "exists":
        return lambda event, store: (read(event) is not None) == wanted
    if modifier == "startswith":
        start = wanted.upper() if test.field == "eventType" else wanted
        return lambda event, store: (value := read(event)) is not None and value.startswith(start)
    if modifier in ("gt", "gte"):
        low = wanted - TOLERANCE if modifier == "gte" else wanted + TOLERANCE
        if modifier == "gt":
            return lambda event, store: (value := read(event)) is not None and value > low
        return lambda event, store: (value := read(event)) is not None and value >= low
    high = wanted + TOLERANCE if modifier == "lte" else wanted - TOLERANCE
    if modifier == "lt":
        return lambda event, store: (value := read(event)) is not None and value < high
    return lambda event, store: (value := read(event)) is not None and value <= high


def plain_reader(field: str, topic: str) -> Callable[[Any], Any]:
    """Return the function that reads a field which is not made: of the event alone."""
    if topic == POS and field == "quantity":
        return lambda event: 1 if event.quantity is None else event.quantity
    if field == "eventType":
        return lambda event: event.event_type.upper()
    if topic == SECURITY and field in ("gateId", "alarm"):
        return attrgetter(f"event_data.{_snake(field)}")
    return attrgetter(_snake(field))


def _snake(field: str) -> str:
    return _CAPITAL.sub("_", field).lower()


def _local_hour(event: Any, store: StoreMemory) -> int:
    return store.local.of(event.event_time)[1] // 4


def _weekday(event: Any, store: StoreMemory) -> str:
    return WEEKDAYS[(store.local.of(event.event_time)[0] - 1) % 7]


def _off_shift(event: Any, store: StoreMemory) -> bool | None:
    return store.off_shift(event.cashier_id, event.event_time)


def _receipt(event: Any, store: StoreMemory) -> str | None:
    if event.transaction_id is None:
        return None
    return "/".join(store.numbering.identity(event))


MADE: Final[dict[str, Read]] = {
    "localHour": _local_hour,
    "weekday": _weekday,
    "offShift": _off_shift,
    "receipt": _receipt,
}
