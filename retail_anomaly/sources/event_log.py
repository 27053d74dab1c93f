"""Event logs: JSON lines read one at a time, and the bad lines among them."""

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, Final, Union

import msgspec

from retail_anomaly.core import codec
from retail_anomaly.core.errors import one_line
from retail_anomaly.core.event_checks import checked
from retail_anomaly.core.events import EVENT_TYPES, Event
from retail_anomaly.core.invalid import DeadLetter, InvalidEvent
from retail_anomaly.core.plain_types import kind_of
from retail_anomaly.sources.advice import advised

# Besides msgspec's own errors: bytes that are not UTF-8, and values nested too deep.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_MAX_REASONS: Final = 1_000


class BadLine(msgspec.Struct, frozen=True):
    """A line of a log, or a row of a table, that is no event.

    Parameters
    ----------
    place
        The file and the line or row in it, for a person.
    number
        The line's or row's number, from 1.
    topic
        The topic if known, else an empty string.
    error
        The error.
    raw
        The event's bytes as they stood, or the whole line when no event could be made out in it.
    in_table
        Whether it is a row of a table, which accepts more forms than JSON.
    is_hidden
        Whether `raw` was left out, since it may name an employee.

    Examples
    --------
    >>> error = InvalidEvent("amount", "amount: expected a number >= 0")
    >>> print(BadLine("sales.jsonl:12", 12, "pos-events", error, b"{}"))
    sales.jsonl:12: amount: expected a number >= 0
    """

    place: str
    number: int
    topic: str
    error: InvalidEvent
    raw: bytes
    in_table: bool = False
    is_hidden: bool = False

    def __str__(self) -> str:
        return one_line(f"{self.place}: {self.error.reason}")


Reject = Callable[[BadLine], None]


class BadLines:
    """Counts bad lines, shows the first, and writes all of them as dead letters.

    Parameters
    ----------
    file
        Where to write them as JSON lines; None: nowhere.
    show
        Called with each of the first `shown`.
    shown
        How many to show: a column mapped wrongly makes every row a bad one.

    Attributes
    ----------
    count
        How many there were.
    first
        The first of them, or None.
    reasons
        How many by reason.

    Examples
    --------
    >>> bad = BadLines()
    >>> list(read_log([b"{"], "a.jsonl", bad)), bad.count
    ([], 1)
    """

    def __init__(self, file: BinaryIO | None = None, show: Reject | None = None, shown: int = 10) -> None:
        self._file = file
        self._show = show
        self.shown = shown
        self.count = 0
        self.first: BadLine | None = None
        self.reasons: Counter[str] = Counter()

    def __call__(self, bad: BadLine) -> None:
        """Take note of a bad line."""
        self.count += 1
        self.first = self.first or bad
        reason = one_line(bad.error.reason)
        # A reason may quote the input, so their number is bounded as memory must be.
        known = reason in self.reasons or len(self.reasons) < _MAX_REASONS
        self.reasons[reason if known else "other reasons"] += 1
        if self._show is not None and self.count <= self.shown:
            self._show(bad)
        if self._file is not None:
            raw = None if bad.is_hidden else bad.raw
            letter = DeadLetter.of(raw, bad.error, topic=bad.topic, offset=bad.number)
            self._file.write(codec.encode(letter) + b"\n")

    def lines(self, more: str = "") -> list[str]:
        """Return in words how many there were, with the first if it was not shown, and the usual reasons.

        Parameters
        ----------
        more
            Advice after the number.

        Examples
        --------
        >>> bad = BadLines()
        >>> _ = list(read_log([b"{"], "a.jsonl", bad))
        >>> print(bad.lines()[0])
        1 line could not be read; first a.jsonl:1: line: expected JSON in UTF-8 (Input data was truncated)
        """
        if not self.count:
            return []
        noun = "line" if self.count == 1 else "lines"
        first = f"; first {self.first}" if self._show is None else ""
        reasons = [f"  {count:>9,} {reason}" for reason, count in self.reasons.most_common(5)]
        return [f"{self.count:,} {noun} could not be read{first}{more}", *reasons]


# One compiled decoder reads a line with its event: the topic says which type the value has.
_LINES: Final = tuple(
    msgspec.defstruct(
        f"{event_type.__name__}Line", [("value", event_type)], tag_field="topic", tag=topic, gc=False
    )
    for topic, event_type in EVENT_TYPES.items()
)
_decode_line: Final = msgspec.json.Decoder(Union[_LINES]).decode  # noqa: UP007 - made at run time


class _Line(msgspec.Struct):
    topic: str
    value: msgspec.Raw


_decode_topic: Final = msgspec.json.Decoder(_Line).decode


def read_log(lines: Iterable[bytes], name: str, reject: Reject) -> Iterator[Event]:
    """Read an event log: lines of ``{"topic": ..., "value": ...}``; empty ones are skipped.

    Parameters
    ----------
    lines
        The lines, for example an open binary file.
    name
        The name of the log in messages.
    reject
        Called with each line that is no event.

    Yields
    ------
    Event
        The events in the order of the lines.

    Examples
    --------
    >>> line = (b'{"topic": "inventory-counts", "value": {"storeId": "s", "sku": "k", '
    ...         b'"countedQty": 3, "eventTime": 1760000000000}}')
    >>> [event.counted_qty for event in read_log([line, b""], "a.jsonl", print)]
    [3]
    >>> list(read_log([b'{"topic": "sales", "value": {}}'], "a.jsonl", print))
    a.jsonl:1: topic: expected one of pos-events, staff-shifts, ..., stock-movements, got 'sales'
    []
    """
    number = 0
    for line in lines:
        number += 1
        try:
            event = checked(_decode_line(line).value)
        except (*_UNREADABLE, InvalidEvent):
            pass
        else:
            yield event
            continue
        # A second look: the compiled decoder is too strict for some events, and it does not name the fault.
        topic, raw = "", line.removeprefix(BOM_UTF8).rstrip(b"\r\n")
        if raw.isspace() or not raw:
            continue
        try:
            topic, raw = envelope(raw)
            event = codec.decode(topic, raw)
        except InvalidEvent as error:
            reject(BadLine(f"{name}:{number}", number, topic, _advised(error, raw), raw))
            continue
        yield event


def read_values(lines: Iterable[bytes], topic: str, name: str, reject: Reject) -> Iterator[Event]:
    """Read the bare values of one topic; otherwise as `read_log`.

    Examples
    --------
    >>> line = b'{"storeId": "s", "sku": "k", "countedQty": 3, "eventTime": 1760000000000}'
    >>> [event.sku for event in read_values([line], "inventory-counts", "a.jsonl", print)]
    ['k']
    """
    number = 0
    for line in lines:
        number += 1
        value = line.removeprefix(BOM_UTF8)
        if value.isspace() or not value:
            continue
        try:
            event = codec.decode(topic, value)
        except InvalidEvent as error:
            raw = value.rstrip(b"\r\n")
            reject(BadLine(f"{name}:{number}", number, topic, _advised(error, raw), raw))
            continue
        yield event


def envelope(line: bytes) -> tuple[str, bytes]:
    """Return the topic and the value of a line of an event log.

    Raises
    ------
    InvalidEvent
        It is no such line.

    Examples
    --------
    >>> envelope(b'{"topic": "pos-events", "value": {}}')
    ('pos-events', b'{}')
    """
    try:
        envelope = _decode_topic(line)
    except _UNREADABLE:
        try:
            value = msgspec.json.decode(line)
        except _UNREADABLE as error:
            detail = str(error).removeprefix("JSON is malformed: ")
            raise InvalidEvent(None, f"line: expected JSON in UTF-8 ({detail})") from None
        field = "value" if isinstance(value, dict) and isinstance(value.get("topic"), str) else "topic"
        raise InvalidEvent(
            field, f'{field}: expected a line of the form {{"topic": ..., "value": ...}}'
        ) from None
    return envelope.topic, bytes(envelope.value)


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a line is.

    Raises
    ------
    InvalidEvent
        It is none.

    Examples
    --------
    >>> json_object(b'{"sku": 7}')
    {'sku': 7}
    """
    try:
        value = msgspec.json.decode(raw)
    except _UNREADABLE as error:
        detail = str(error).removeprefix("JSON is malformed: ")
        raise InvalidEvent(None, f"value: expected JSON in UTF-8 ({detail})") from None
    if not isinstance(value, dict):
        raise InvalidEvent(None, f"value: expected a JSON object, got {kind_of(value)}")
    return value


def _advised(error: InvalidEvent, raw: bytes) -> InvalidEvent:
    if error.field is None:
        return error
    try:
        value = msgspec.json.decode(raw)
    except _UNREADABLE:
        return error
    return advised(error, value) if isinstance(value, dict) else error
