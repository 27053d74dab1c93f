"""The check of a rule: from written values to a `Rule`, or one line that says which word is wrong."""

import math
import re
from string import Formatter
from typing import Final, Literal, cast

from retail_anomaly.core.durations import Duration
from retail_anomaly.core.nearest import nearest
from retail_anomaly.rules.filters import check_filters, list_named, number_of, text_of
from retail_anomaly.rules.model import Condition, EventFilter, Rule, Status, WhenKind
from retail_anomaly.rules.sent import sent
from retail_anomaly.rules.vocabulary import ALL_FIELDS, KEYS, LONGEST_MESSAGE, STATUSES, WHEN_KEYS, Kind
from retail_anomaly.rules.written import Written

_ID: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
_EVENT_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REQUIRED: Final = ("id", "events", "window", "when")
_TOO_LARGE: Final = 2**53  # from here on JSON may round a whole number
_MADE_FOR_MESSAGES: Final = ("value", "rule", "storeId")


def checked_rule(rule: Written) -> Rule:
    """Return the rule that a written mapping describes; `extends` is resolved before.

    Raises
    ------
    RuleError
        A key, a modifier or a name is unknown, or a value is impossible.
    """
    keys = _mapping(rule, "a rule", "id: drawer_opened")
    for key, given in keys.items():
        if key not in KEYS:
            raise given.error(f"unknown key {key}; {nearest(key, KEYS)}")
    for key in _REQUIRED:
        if key not in keys:
            raise rule.error(f"{key}: expected a value, the key is missing")
    lists = _lists(keys.get("lists"))
    events = _events(keys["events"], lists)
    by = _by(keys.get("by"))
    window = _window(keys["window"])
    when = _when(keys["when"], events)
    if when.kind in ("sequence", "absent") and not isinstance(window, int):
        raise keys["window"].error(f"window: {when.kind} needs a duration such as 10m, got {window}")
    status = _status(keys.get("status"))
    return Rule(
        id=checked_id(keys["id"]),
        version=_version(keys.get("version")),
        status=status,
        message=_message(keys.get("message")),
        events=events,
        by=by,
        window=window,
        when=when,
        subject=_subject(keys.get("subject")),
        risk=_risk(keys.get("risk")),
        written=sent(rule, status),
        place=rule.place,
    )


def _mapping(given: Written, name: str, example: str) -> dict[str, Written]:
    if not isinstance(given.value, dict) or not given.value:
        raise given.error(f"{name}: expected keys and values, such as `{example}`")
    return given.value


def checked_id(given: Written) -> str:
    """Return a rule's id.

    Raises
    ------
    RuleError
        It is no name.
    """
    if not isinstance(given.value, str) or not _ID.fullmatch(given.value):
        raise given.error(
            f"id: expected a small letter, then up to 39 small letters, digits or _, got {given.plain()!r}"
        )
    return given.value


def _version(given: Written | None) -> int:
    if given is None:
        return 1
    if type(given.value) is not int or not 0 <= given.value < _TOO_LARGE:
        raise given.error(f"version: expected a whole number, got {given.value!r}")
    return given.value


def _status(given: Written | None) -> Status:
    if given is None:
        return "shadow"
    status = given.text or str(given.value)
    if given.value is False:  # YAML's `off`
        status = "off"
    if status not in STATUSES:
        raise given.error(f"status: unknown status {status}; {nearest(status, STATUSES)}")
    return cast(Status, status)


def _lists(given: Written | None) -> dict[str, Written]:
    if given is None:
        return {}
    lists = _mapping(given, "lists", "high_risk_skus: [razor, perfume]")
    for name, values in lists.items():
        if not isinstance(values.value, list):
            raise values.error(f"lists.{name}: expected a list, got {values.plain()!r}")
        for other in filter(None, map(list_named, values.value)):
            if other in lists:
                raise values.error(
                    f"lists.{name}: a list can't name another; name both in the test: [${name}, ${other}]"
                )
    return lists


def _events(given: Written, lists: dict[str, Written]) -> dict[str, tuple[EventFilter, ...]]:
    found = {}
    for name, filters in _mapping(given, "events", "drawer: {eventType: NO_SALE}").items():
        if not _EVENT_NAME.fullmatch(name):
            raise filters.error(f"events: expected letters, digits and _ in a name, got {name!r}")
        found[name] = check_filters(name, filters, lists)
    return found


def _by(given: Written | None) -> tuple[str, ...]:
    if given is None:
        return ()
    if not isinstance(given.value, list):
        raise given.error(f"by: expected a list of fields such as [cashierId], got {given.plain()!r}")
    return tuple(_field(item, "by") for item in given.value)


def _field(given: Written, key: str) -> str:
    # One of another topic will do: an event that lacks the field does not count.
    name = text_of(given, key)
    if name not in ALL_FIELDS:
        raise given.error(f"{key}: unknown field {name}; {nearest(name, ALL_FIELDS)}")
    return name


def _subject(given: Written | None) -> str | None:
    if given is None:
        return None
    name = _field(given, "subject")
    if ALL_FIELDS[name] is not Kind.TEXT:
        raise given.error(f"subject: expected a field with text, such as cashierId, got {name}")
    return name


def _window(given: Written) -> int | Literal["day", "receipt"]:
    if given.value in ("day", "receipt"):
        return cast(Literal["day", "receipt"], given.value)
    try:
        if not isinstance(given.value, str):
            raise ValueError
        window = Duration.parse(given.value)
    except ValueError:
        raise given.error(
            f"window: expected a duration such as 10m or 8h, day or receipt, got {given.plain()!r}"
        ) from None
    if not 0 < window <= Duration.parse("3650d"):
        raise given.error(f"window: expected a duration above 0 and up to 3650d, got {given.value}")
    return int(window)


def _when(given: Written, events: dict[str, tuple[EventFilter, ...]]) -> Condition:
    keys = _mapping(given, "when", "count: drawer, gte: 5")
    kinds = [kind for kind in WHEN_KEYS if kind in keys]
    if len(kinds) != 1:
        found = next(iter(keys))
        said = (
            f"expected one of {', '.join(WHEN_KEYS)}, got {' and '.join(kinds)}"
            if kinds
            else f"unknown key {found}; {nearest(found, (*WHEN_KEYS, 'gte', 'min', 'after'))}"
        )
        raise (keys[found] if not kinds else given).error(f"when: {said}")
    kind = cast(WhenKind, kinds[0])
    allowed = WHEN_KEYS[kind]
    for key, item in keys.items():
        if key not in allowed:
            raise item.error(f"when: unknown key {key} of {kind}; {nearest(key, allowed)}")
    for key in allowed:
        if key not in keys and key != "min":
            raise given.error(f"when: {kind} needs {key}, which is missing")
    first, second, field = _subjects_of(kind, keys, events)
    minimum = keys.get("min")
    if minimum is not None and (type(minimum.value) is not int or not 1 <= minimum.value < _TOO_LARGE):
        raise minimum.error(
            f"when.min: expected a whole number from 1 to {_TOO_LARGE - 1}, got {minimum.plain()!r}"
        )
    return Condition(
        kind=kind,
        first=first,
        second=second,
        field=field,
        gte=number_of(keys["gte"], "when.gte") if "gte" in keys else 0.0,
        minimum=minimum.value if minimum is not None else 1,
    )


def _subjects_of(
    kind: WhenKind, keys: dict[str, Written], events: dict[str, tuple[EventFilter, ...]]
) -> tuple[str, str | None, str | None]:
    given = keys[kind]
    if kind == "count":
        return _event(given, "when.count", events), None, None
    if kind == "absent":
        after = _event(keys["after"], "when.after", events)
        return after, _event(given, "when.absent", events), None
    if kind in ("ratio", "sequence"):
        if not isinstance(given.value, list) or len(given.value) != 2:
            raise given.error(f"when.{kind}: expected two event names in a list, got {given.plain()!r}")
        one, other = (_event(item, f"when.{kind}", events) for item in given.value)
        return one, other, None
    text = text_of(given, f"when.{kind}")
    name, dot, field = text.partition(".")
    if not dot:
        raise given.error(f"when.{kind}: expected an event and a field such as drawer.amount, got {text!r}")
    if name not in events:
        raise given.error(f"when.{kind}: unknown event {name}; {nearest(name, events)}")
    if field not in ALL_FIELDS:
        raise given.error(f"when.{kind}: unknown field {field}; {nearest(field, ALL_FIELDS)}")
    if kind == "sum" and ALL_FIELDS[field] is not Kind.NUMBER:
        raise given.error(f"when.sum: expected a field with numbers, got {field}")
    return name, None, field


def _event(given: Written, key: str, events: dict[str, tuple[EventFilter, ...]]) -> str:
    name = text_of(given, key)
    if name not in events:
        raise given.error(f"{key}: unknown event {name}; {nearest(name, events)}")
    return name


def _message(given: Written | None) -> str:
    if given is None:
        return "Rule {rule}: {value}."
    message = text_of(given, "message")
    if len(message) > LONGEST_MESSAGE:
        raise given.error(f"message: expected at most {LONGEST_MESSAGE:,} characters, got {len(message):,}")
    known = (*_MADE_FOR_MESSAGES, *ALL_FIELDS)
    try:
        parts = list(Formatter().parse(message))
    except ValueError as error:
        raise given.error(f"message: {str(error).lower()}; write a brace twice to show it") from None
    for _, name, form, conversion in parts:
        if name is None:
            continue
        if name not in known:
            raise given.error(f"message: unknown field {name}; {nearest(name, known)}")
        if form or conversion:
            raise given.error(f"message: expected {{{name}}} alone, without a format")
    return message


def _risk(given: Written | None) -> tuple[tuple[float, float], ...]:
    if given is None:
        return ((0.0, 0.5),)
    if not isinstance(given.value, list):
        return ((0.0, _share(given)),)
    bands = []
    for band in given.value:
        if not isinstance(band.value, list) or len(band.value) != 2:
            raise band.error(f"risk: expected pairs such as [5, 0.5], got {band.plain()!r}")
        bands.append((number_of(band.value[0], "risk"), _share(band.value[1])))
    if not bands:
        raise given.error("risk: expected a number from 0 to 1, or pairs such as [5, 0.5]")
    if sorted(bands, key=lambda band: band[0]) != bands:
        raise given.error("risk: expected the pairs in rising order of their first numbers")
    return tuple(bands)


def _share(given: Written) -> float:
    value = number_of(given, "risk")
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise given.error(f"risk: expected a number from 0 to 1, got {value:g}")
    return value
