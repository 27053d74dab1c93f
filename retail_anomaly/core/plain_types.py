"""The kinds of values in plain words, for people who read why a value was refused."""

import re
from collections.abc import Mapping
from typing import Any, Final

from retail_anomaly.core.invalid import InvalidEvent

_KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
    "object": "an object",
    "array": "a list",
}
_TYPES: Final = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_WHOLE_LIMIT: Final = re.compile(r"(?<=\d)\.0\b")
_OF_VALUE: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (dict, "an object"),
    (list, "a list"),
)

_AT: Final = re.compile(r"^(?P<expected>.*?) - at `\$\.?(?P<path>.*)`$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<name>\w+)`(?: - at `\$\.(?P<path>.*)`)?$")
_LEADING: Final = re.compile(r"^(?P<name>\w+): ")
_OF_QUANTITY: Final = re.compile(r"`(int|float|int \| float)`")  # msgspec names one of the two types
_QUANTITIES: Final = frozenset({"quantity", "countedQty"})
_TIMES: Final = frozenset({"eventTime", "shiftStart", "shiftEnd"})
_WRONG_TIME: Final = re.compile(r" (?P<sign>[<>]=) \d+")


def in_plain_words(message: str) -> str:
    """Return what msgspec says of a value, with words in the place of types.

    Examples
    --------
    >>> in_plain_words("Expected `float` >= 0.0"), in_plain_words("Expected `int | null`, got `str`")
    ('Expected a number >= 0', 'Expected a whole number, got text')
    >>> in_plain_words("Expected `str` of length >= 1"), in_plain_words("Expected `int`, got `float`")
    ('Expected text that is not empty', 'Expected a whole number, got a number with decimals')
    """
    expected, comma, got = message.replace("`str` of length >= 1", "text that is not empty").partition(
        ", got "
    )
    if got:
        with_decimals = got == "`float`" and "`int" in expected and "float" not in expected
        name = got.strip("`")
        got = "a number with decimals" if with_decimals else _KINDS.get(name, got)
        got = "a number" if name == "int" else got
    expected = _TYPES.sub(lambda found: _words(found[1]), expected)
    return f"{_WHOLE_LIMIT.sub('', expected)}{comma}{got}"


def kind_of(value: Any) -> str:
    """Return the kind of a JSON value in words.

    Examples
    --------
    >>> kind_of(None), kind_of(""), kind_of(7), kind_of([])
    ('nothing', 'empty text', 'a number', 'a list')
    """
    if value is None:
        return "nothing"
    if value == "":
        return "empty text"
    return next((name for kind, name in _OF_VALUE if isinstance(value, kind)), type(value).__name__)


def _words(types: str) -> str:
    kinds = [kind for kind in types.split(" | ") if kind != "null"] or ["null"]
    if "float" in kinds:  # a whole number is one as well
        kinds = [kind for kind in kinds if kind != "int"]
    return " or ".join(_KINDS.get(kind, kind) for kind in kinds)


def refused(message: str, value: Mapping[str, Any]) -> InvalidEvent:
    """Return the error that msgspec's message stands for, in plain words that start with the field's name.

    Parameters
    ----------
    message
        The message.
    value
        The value that was refused.

    Examples
    --------
    >>> str(refused("Expected `int`, got `str` - at `$.eventTime`", {"eventTime": "soon"}))
    'eventTime: expected a time in epoch milliseconds, got text'
    """
    if missing := _MISSING.match(message):
        parent = missing["path"]
        path = f"{parent}.{missing['name']}" if parent else missing["name"]
        return InvalidEvent(path, f"{path}: expected a value, the field is missing")
    if at := _AT.match(message):
        path, expected = at["path"], at["expected"]
        if path in _QUANTITIES:
            expected = _OF_QUANTITY.sub("`float`", expected.replace("`int` >= 1", "`int` > 0"))
        expected = in_plain_words(expected)
        if path in _TIMES:
            expected = _WRONG_TIME.sub(
                _time_limit, expected.replace("a whole number", "a time in epoch milliseconds")
            )
        if value.get(path) == "":
            expected = expected.replace("got text", "got empty text")
        return InvalidEvent(path, f"{path}: {expected[:1].lower()}{expected[1:]}")
    if leading := _LEADING.match(message):
        return InvalidEvent(leading["name"], message)
    return InvalidEvent(None, f"value: {message}")


def _time_limit(found: re.Match[str]) -> str:
    return ", not before 2000-01-01" if found["sign"] == ">=" else ", not after 2099-12-31"
