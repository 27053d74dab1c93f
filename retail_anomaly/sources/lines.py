"""Files of JSON lines, and standard input."""

import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from retail_anomaly.core.events import STAFF_SHIFTS, Event
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, Reject, read_log, read_values
from retail_anomaly.sources.file_forms import opened_lines
from retail_anomaly.sources.store_share import Numbered, Share, sampled_stores

STDIN: Final = "-"
# A glance at a file: so many lines at so many places.
_GLANCES: Final = 16
_GLANCE_LINES: Final = 500


class Lines:
    """An event log, or the bare values of one topic.

    Parameters
    ----------
    path
        The file; ``-`` is standard input.
    values_of
        The topic whose bare values the lines are; None: an event log.
    columns
        Foreign names of fields.
    """

    def __init__(self, path: str | Path, values_of: str | None, columns: Columns) -> None:
        self._is_stdin = str(path) == STDIN
        self._path = Path(path)
        self._name = "standard input" if self._is_stdin else str(path)
        self._values_of = values_of
        self._columns = columns or None
        self._file: BinaryIO | None = None
        # Standard input can be read only once, so it can't be looked at for its order.
        self.topic = None if self._is_stdin else values_of
        self.divisible = not self._is_stdin

    def events(self, reject: Reject) -> Iterator[Event]:
        """Yield the events in the order of the lines."""
        if self._is_stdin:
            yield from self._read(sys.stdin.buffer, reject)
            return
        with opened_lines(self._path) as (lines, self._file):
            yield from self._read(lines, reject)

    def numbered(self, reject: Reject, share: Share) -> Iterator[tuple[int, Event]]:
        """Yield the events of a share, each with the number of its line."""
        owned: dict[str, bool] = {}

        def reject_own(bad: BadLine) -> None:
            # A line that is no event is no store's; the processes tell of such lines in turn.
            if share.has_turn(bad.number):
                reject(bad)

        with opened_lines(self._path) as (every, self._file):
            lines = Numbered(every)
            for event in self._read(lines, reject_own):
                mine = owned.get(event.store_id)
                if mine is None:
                    mine = owned[event.store_id] = share.everything or share.owns(event.store_id)
                if mine:
                    yield lines.number, event

    def _read(self, lines: Iterable[bytes], reject: Reject) -> Iterator[Event]:
        if self._values_of is None:
            return read_log(lines, self._name, reject, self._columns)
        return read_values(lines, self._values_of, self._name, reject, self._columns)

    def stores(self) -> Counter[str]:
        """Return how many lines each store has in a sample from all over the file."""
        size = self._path.stat().st_size
        samples: list[bytes] = []
        with opened_lines(self._path) as (lines, file):
            if lines is not file:  # compressed, or an array: only its beginning is cheap
                return sampled_stores(islice(lines, _GLANCES * _GLANCE_LINES), self._columns or Columns())
            for glance in range(_GLANCES):
                file.seek(size * glance // _GLANCES)
                samples += islice(file, _GLANCE_LINES)
        return sampled_stores(samples, self._columns or Columns())

    def is_sorted(self) -> bool:
        """Tell whether the values stand by event time; reads the times only."""
        field = "shiftStart" if self._values_of == STAFF_SHIFTS else "eventTime"
        name = self._columns.column(field) if self._columns else field
        row = msgspec.defstruct("Time", [("time", Any, None)], rename={"time": name})
        decode = msgspec.json.Decoder(row).decode
        newest: float = 0
        with opened_lines(self._path) as (lines, _):
            for line in lines:
                try:
                    time = getattr(decode(line.removeprefix(BOM_UTF8)), "time", None)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                if isinstance(time, int) or (isinstance(time, float) and time.is_integer()):
                    if time < newest:
                        return False
                    newest = time
        return True

    def done(self) -> float | None:
        """Return how much of the file has been read."""
        if self._is_stdin:
            return None
        if self._file is None:
            return 0.0
        return 1.0 if self._file.closed else self._file.tell() / (self._path.stat().st_size or 1)
