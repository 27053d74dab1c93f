"""Lines of JSON in the order of their times, on disk where they are many."""

import heapq
import tempfile
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

# Time and number in front of a line that waits on disk: such lines sort as bytes.
_KEY: Final = b"%013d%013d"
_KEY_BYTES: Final = 26
_PIECE_LINES: Final = 1_000
_READ_BYTES: Final = 1 << 16


class SortedLines:
    r"""Sorts lines by time, equal times in the order in which they came.

    Unlike `sorted_by_time`, it knows nothing of events: a line is neither read nor written anew.

    Parameters
    ----------
    folder
        Where lines wait on disk, in a file without a name.
    most
        How many are held in memory.

    Examples
    --------
    >>> with SortedLines(Path("."), most=2) as lines:
    ...     for time, line in (3, b"c"), (1, b"a"), (2, b"b"), (1, b"A"):
    ...         lines.add(time, line)
    ...     b"".join(lines.pieces())
    b'a\nA\nb\nc\n'
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._most = most
        self._lines: list[bytes] = []
        self._count = 0
        # First and last line of each run on disk, and where it begins and ends.
        self._runs: list[tuple[bytes, bytes, int, int]] = []
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by `__exit__`

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, time: int, line: bytes) -> None:
        """Take a line, without its end."""
        self._lines.append(_KEY % (time, self._count) + line)
        self._count += 1
        if len(self._lines) == self._most:
            self._write_run()

    def pieces(self) -> Iterator[bytes]:
        """Yield all lines in order, many at once."""
        if self._lines:
            self._write_run()
        runs = (self._run(begin, end) for _, _, begin, end in self._runs)
        if all(one[1] < next_one[0] for one, next_one in pairwise(self._runs)):
            ordered = (line for run in runs for line in run)
        else:
            ordered = heapq.merge(*runs)
        while lines := list(islice(ordered, _PIECE_LINES)):
            yield b"".join([line[_KEY_BYTES:] for line in lines])

    def _write_run(self) -> None:
        self._lines.sort()
        begin = self._file.tell()
        self._file.write(b"\n".join(self._lines) + b"\n")
        self._runs.append((self._lines[0], self._lines[-1], begin, self._file.tell()))
        self._lines = []

    def _run(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the lines of a run; the runs are read by turns from one file."""
        rest = b""
        while begin < end:
            self._file.seek(begin)
            read = self._file.read(min(_READ_BYTES, end - begin))
            begin += len(read)
            lines = (rest + read).splitlines(keepends=True)
            rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            yield from lines
