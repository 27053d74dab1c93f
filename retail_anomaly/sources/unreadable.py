"""The error of an input that has lines or rows, but no event."""

from typing import Any, Final

import msgspec

from retail_anomaly.core.card_numbers import bears_card_number
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.invalid import InvalidKind
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.columns import FIELDS, TIMES
from retail_anomaly.sources.event_log import BadLine, Reject

_LONGEST: Final = 200
_FORMS: Final = {
    "text": "text that is not empty",
    "integer": "a whole number, such as 3 or 3.0",
    "decimal": "a number, such as 3 or 0.42",
    "number": "a number, such as 9.5, not negative",
    "flag": "true or false",
    "time": "epoch milliseconds from 2000 to 2099, such as 1760000000000",
}
_TABLE_FORMS: Final = _FORMS | {
    "text": "text that is not empty, or a whole number",
    "flag": "true, false, 1 or 0",
    "time": "epoch milliseconds, a timestamp, or text such as 2025-10-09T08:53:20Z; from 2000 to 2099",
}
_LOG_LINE: Final = (
    f'lines of the form {{"topic": ..., "value": {{...}}}}, the topic one of {", ".join(INPUT_TOPICS)}; or '
    "the bare values of one topic, in a file that is named after it or with the topic given"
)


class UnreadableError(SourceError):
    """The input was read to its end, and none of its lines or rows is an event."""


class Unreadable:
    """Passes bad lines on, and raises an error at the end if there was no event among them.

    Parameters
    ----------
    reject
        Called with each bad line.

    Examples
    --------
    >>> from retail_anomaly.sources.event_log import read_values
    >>> unreadable = Unreadable(lambda bad: None)
    >>> list(read_values([b'{"storeId": "s"}'], "inventory-counts", "a.jsonl", unreadable))
    []
    >>> unreadable.check(0)
    Traceback (most recent call last):
    retail_anomaly.sources.unreadable.UnreadableError: ...
    """

    def __init__(self, reject: Reject) -> None:
        self._reject = reject
        self._first: BadLine | None = None
        self._count = 0

    def __call__(self, bad: BadLine) -> None:
        """Take note of a bad line and pass it on."""
        self._first = self._first or bad
        self._count += 1
        self._reject(bad)

    def check(self, events: int) -> None:
        """Raise a `SourceError` if there were bad lines and no events; an empty input is no error."""
        if self._first is not None and not events:
            raise unreadable(self._first, self._count)


def unreadable(first: BadLine, count: int) -> UnreadableError:
    """Describe an input without an event: the first bad line, its value and the accepted forms.

    Examples
    --------
    >>> from retail_anomaly.core.invalid import InvalidEvent
    >>> error = InvalidEvent("eventTime", "eventTime: expected a time in epoch milliseconds, got text")
    >>> raw = b'{"storeId": "s", "eventTime": "soon"}'
    >>> for part in str(unreadable(BadLine("a.jsonl:1", 1, "pos-events", error, raw), 7)).split("; "):
    ...     print(part)
    no event can be read, all 7 lines are unreadable
    first a.jsonl:1: eventTime: expected a time in epoch milliseconds, got text
    its value is "soon"
    accepted for eventTime: epoch milliseconds from 2000 to 2099, such as 1760000000000
    """
    lines = "the only line is" if count == 1 else f"all {count:,} lines are"
    # A card number is written nowhere, and with pseudonyms no employee's id.
    hidden = first.is_hidden or first.error.kind is InvalidKind.CARD_NUMBER or bears_card_number(first.raw)
    value = "its value is not shown" if hidden else _value(first)
    return UnreadableError(
        f"no event can be read, {lines} unreadable; first {first}; {value}; {_accepted(first)}"
    )


def _value(bad: BadLine) -> str:
    text = bad.raw.decode("utf-8", "backslashreplace")
    whose = "the line is"
    try:
        value = msgspec.json.decode(bad.raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = None
    if isinstance(value, dict) and bad.error.field is not None:
        found, value = _look_up(value, bad.error.field)
        if found:
            text, whose = msgspec.json.encode(value).decode(), "its value is"
    text = " ".join(text.split())
    return f"{whose} {text}" if len(text) <= _LONGEST else f"{whose} {text[:_LONGEST]}..."


def _look_up(value: Any, path: str) -> tuple[bool, Any]:
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return False, None
        value = value[name]
    return True, value


def _accepted(bad: BadLine) -> str:
    field = bad.error.field
    fields = FIELDS.get(bad.topic, {})
    if field is not None and field in fields:
        forms = _TABLE_FORMS if bad.in_table else _FORMS
        form = forms["time" if field in TIMES else fields[field]]
        if bad.error.reason.endswith("the field is missing"):
            form += f", in a field or column {field}, or in another one that is mapped to it"
        return f"accepted for {field}: {form}"
    if bad.in_table and field is None:
        return "accepted: rows with a cell for each column; a mapping has `separator` and `header`"
    if bad.topic and field is None:
        return f"accepted: JSON objects with {', '.join(fields)}"
    if inner := [name for name in fields if field and name.startswith(f"{field}.")]:
        return f"accepted for {field}: an object, or columns, with {', '.join(inner)}"
    return f"accepted: {_LOG_LINE}"
