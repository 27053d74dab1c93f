"""The check of event filters."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from retail_anomaly.core.nearest import nearest
from retail_anomaly.rules.model import EventFilter, FieldTest
from retail_anomaly.rules.vocabulary import FIELDS, MODIFIERS, NUMERIC, POS, WEEKDAYS, Kind
from retail_anomaly.rules.written import Written

_LARGEST: Final = 1e300


def text_of(given: Written, key: str) -> str:
    """Return a value that must be text; YAML's own idea of ``0012`` or ``no`` does not count.

    Raises
    ------
    RuleError
        It is no text.
    """
    text = given.text or (given.value if isinstance(given.value, str) else "")
    if not text or isinstance(given.value, dict | list) or given.value is None:
        # A file's own text is at hand; a configuration or a mapping has lost the zeros of 0012.
        is_taken = isinstance(given.value, int | float | date) and not given.text
        advice = "; put it in quotes" if is_taken else ""
        raise given.error(f"{key}: expected text, got {given.plain()!r}{advice}")
    return text


def list_named(given: Written) -> str | None:
    """Return the name of the list that a value of a test stands for; None: for itself.

    Examples
    --------
    >>> from retail_anomaly.rules.written import written
    >>> list_named(written("$risky", "a notebook"))
    'risky'
    """
    return given.text[1:] if given.text.startswith("$") else None


def number_of(given: Written, key: str) -> float:
    """Return a value that must be a number.

    Raises
    ------
    RuleError
        It is no number.
    """
    value = given.value
    # The comparison refuses nan and infinity too, and integers that no float holds.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LARGEST:
        raise given.error(f"{key}: expected a number, got {given.plain()!r}")
    return float(value)


def check_filters(name: str, given: Written, lists: Mapping[str, Written]) -> tuple[EventFilter, ...]:
    """Return the filters of an event name.

    Parameters
    ----------
    name
        The event's name.
    given
        A mapping of tests, or a list of such mappings.
    lists
        The named lists that a test may refer to, as ``$name``.

    Raises
    ------
    RuleError
        A field, a modifier or a list is unknown, or a value does not fit its field.
    """
    options = given.value if isinstance(given.value, list) else [given]
    if not options:
        raise given.error(f"{name}: expected tests such as {{eventType: NO_SALE}}")
    return tuple(_filter(name, option, lists) for option in options)


def _filter(name: str, given: Written, lists: Mapping[str, Written]) -> EventFilter:
    if not isinstance(given.value, dict):
        raise given.error(f"{name}: expected tests such as {{eventType: NO_SALE}}, got {given.plain()!r}")
    chosen = given.value.get("topic")
    topic = POS if chosen is None else text_of(chosen, f"{name}.topic")
    if topic not in FIELDS:
        raise given.value["topic"].error(f"{name}: unknown topic {topic}; {nearest(topic, FIELDS)}")
    tests = [_test(key, item, FIELDS[topic], lists) for key, item in given.value.items() if key != "topic"]
    return EventFilter(topic, tuple(tests))


def _test(key: str, given: Written, fields: Mapping[str, Kind], lists: Mapping[str, Written]) -> FieldTest:
    field, bar, modifier = key.partition("|")
    if field not in fields:
        raise given.error(f"unknown field {field}; {nearest(field, fields)}")
    if bar and modifier not in MODIFIERS:
        raise given.error(f"{field}: unknown modifier {modifier}; {nearest(modifier, MODIFIERS)}")
    kind = fields[field]
    if modifier in ("", "not"):
        return FieldTest(field, modifier, _values(key, given, field, kind, lists))
    if modifier in NUMERIC:
        _require(kind is Kind.NUMBER, given, key, "a field with numbers")
        return FieldTest(field, modifier, number_of(given, key))
    if modifier == "exists":
        _require(isinstance(given.value, bool), given, key, "true or false")
        return FieldTest(field, modifier, given.value)
    if modifier == "startswith":
        _require(kind is Kind.TEXT, given, key, "a field with text")
        text = text_of(given, key)
        if list_named(given):
            raise given.error(
                f"{key}: expected one text, got the list {text}; write a test for each text: "
                f"[{{{key}: a}}, {{{key}: b}}]"
            )
        return FieldTest(field, modifier, text)
    if modifier == "field":
        return FieldTest(field, modifier, _other(key, given, kind, fields))
    _require(kind is Kind.NUMBER, given, key, "a field with numbers")
    pair = given.value
    if not isinstance(pair, list) or len(pair) != 2:
        raise given.error(
            f"{key}: expected a field and a number such as [listPrice, 0.5], got {given.plain()!r}"
        )
    return FieldTest(field, modifier, (_other(key, pair[0], kind, fields), number_of(pair[1], key)))


def _require(holds: bool, given: Written, key: str, expected: str) -> None:
    if not holds:
        raise given.error(f"{key}: expected {expected}, got {given.plain()!r}")


def _other(key: str, given: Written, kind: Kind, fields: Mapping[str, Kind]) -> str:
    other = text_of(given, key)
    if other not in fields:
        raise given.error(f"{key}: unknown field {other}; {nearest(other, fields)}")
    if fields[other] is not kind:
        raise given.error(f"{key}: expected another field with {kind.value}, got {other}")
    return other


def _values(
    key: str, given: Written, field: str, kind: Kind, lists: Mapping[str, Written]
) -> tuple[Any, ...]:
    found: list[Any] = []
    for option in given.value if isinstance(given.value, list) else [given]:
        name = list_named(option)
        if name is not None and name not in lists:
            known = nearest(name, lists) if lists else "name it in `lists`"
            raise option.error(f"{key}: unknown list {name}; {known}")
        options = [option] if name is None else lists[name].value
        found += [_value(key, each, field, kind) for each in options]
    return tuple(found)


def _value(key: str, given: Written, field: str, kind: Kind) -> Any:
    if kind is Kind.NUMBER:
        return number_of(given, key)
    if kind is Kind.FLAG:
        _require(isinstance(given.value, bool), given, key, "true or false")
        return given.value
    text = text_of(given, key)
    if field == "weekday" and text not in WEEKDAYS:
        raise given.error(f"{key}: unknown day {text}; {nearest(text, WEEKDAYS)}")
    return text.upper() if field == "eventType" else text
