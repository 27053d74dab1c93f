"""A checked rule as the mapping in which it is sent and hashed: JSON that reads back to the same rule."""

from collections.abc import Iterator
from typing import Any, Final

from retail_anomaly.rules.filters import list_named
from retail_anomaly.rules.model import Status
from retail_anomaly.rules.vocabulary import ALL_FIELDS, NUMERIC, TEXT_KEYS, Kind
from retail_anomaly.rules.written import Written

_LARGEST_WHOLE: Final = 2**63  # JSON decoders hold no larger whole number
_KINDS_OF_MODIFIERS: Final = {
    **dict.fromkeys(NUMERIC, Kind.NUMBER),
    "exists": Kind.FLAG,
    "startswith": Kind.TEXT,
    "field": Kind.TEXT,
}


def sent(rule: Written, status: Status) -> dict[str, Any]:
    """Return a rule, whose other keys are checked, as a mapping that JSON can carry.

    Parameters
    ----------
    rule
        The rule.
    status
        Its status, which YAML may take for a flag.

    Raises
    ------
    RuleError
        One list stands for values of two kinds.

    Examples
    --------
    >>> from retail_anomaly.rules.written import read_written
    >>> sent(read_written("events: {a: {sku: [0012, no], amount: 5}}", "a.yaml"), "shadow")
    {'events': {'a': {'sku': ['0012', 'no'], 'amount': 5}}}
    """
    plain: dict[str, Any] = rule.plain()
    keys = rule.value
    for name in keys.keys() & {"message", *TEXT_KEYS}:
        plain[name] = _of_kind(keys[name], Kind.TEXT)
    if "status" in keys:
        plain["status"] = status
    if "risk" in keys:
        plain["risk"] = _of_kind(keys["risk"], Kind.NUMBER)
    if "when" in keys:
        plain["when"] = {
            # An event may have the name `off`, which YAML takes for false.
            name: _of_kind(item, Kind.NUMBER if name in ("gte", "min") else Kind.TEXT)
            for name, item in keys["when"].value.items()
        }
    if "events" in keys:
        plain["events"] = {name: _event(item) for name, item in keys["events"].value.items()}
    if "lists" in keys:
        uses = _uses(keys)
        plain["lists"] = {
            name: _of_kind(item, _kind_of_list(name, item, uses.get(name, {})))
            for name, item in keys["lists"].value.items()
        }
    return plain


def _event(given: Written) -> Any:
    if isinstance(given.value, list):
        return [_event(option) for option in given.value]
    return {key: _test(key, item) for key, item in given.value.items()}


def _test(key: str, given: Written) -> Any:
    field, _, modifier = key.partition("|")
    if modifier == "share":
        other, share = given.value
        return [_of_kind(other, Kind.TEXT), _of_kind(share, Kind.NUMBER)]
    # The topic of a filter is no field, and is text.
    return _of_kind(given, _KINDS_OF_MODIFIERS.get(modifier) or ALL_FIELDS.get(field, Kind.TEXT))


def _of_kind(given: Written, kind: Kind) -> Any:
    """Return values as the check reads them: a text as it is written, a number or a flag as YAML takes it."""
    if isinstance(given.value, dict):
        return {name: _of_kind(item, kind) for name, item in given.value.items()}
    if isinstance(given.value, list):
        return [_of_kind(item, kind) for item in given.value]
    value = given.value
    if kind is Kind.TEXT and value is not None:
        return given.text or value
    if kind is Kind.NUMBER and isinstance(value, int) and not abs(value) < _LARGEST_WHOLE:
        return float(value)
    return value


def _uses(keys: dict[str, Written]) -> dict[str, dict[Kind, str]]:
    """Return, by the name of a list, the kinds of the fields that it stands for, each with a field."""
    found: dict[str, dict[Kind, str]] = {}
    for key, item in _tests(keys):
        field, _, modifier = key.partition("|")
        if modifier not in ("", "not") or field not in ALL_FIELDS:
            continue
        for value in item.value if isinstance(item.value, list) else [item]:
            name = list_named(value)
            if name is not None:
                found.setdefault(name, {}).setdefault(ALL_FIELDS[field], field)
    return found


def _tests(keys: dict[str, Written]) -> Iterator[tuple[str, Written]]:
    for event in keys["events"].value.values():
        for option in event.value if isinstance(event.value, list) else [event]:
            yield from option.value.items()


def _kind_of_list(name: str, given: Written, uses: dict[Kind, str]) -> Kind:
    if len(uses) > 1 and given.value:
        said = " and ".join(f"{kind.value} ({field})" for kind, field in uses.items())
        raise given.error(f"lists.{name}: stands for {said}; give each field a list of its own")
    return next(iter(uses), Kind.TEXT)
