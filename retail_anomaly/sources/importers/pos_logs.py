"""Reads POSLog files in order: in this process, or in a second one beside it where the files are large."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from retail_anomaly.sources.importers.dialect import Dialect
from retail_anomaly.sources.importers.pos_elements import PosRecord, TransactionPaths
from retail_anomaly.sources.importers.pos_reader import transactions
from retail_anomaly.sources.importers.safe_xml import Malformed, told
from retail_anomaly.workers import Channel, Workers, core_count

# From so many bytes on a second process gains more time than its start takes.
LARGE: Final = 32 << 20
_BATCH: Final = 200


class LogEnd(NamedTuple):
    """The end of a file.

    Parameters
    ----------
    error
        Why it ends before its time; empty if it is whole.
    line
        The line of the error.
    """

    error: str = ""
    line: int = 0


Read: TypeAlias = list[PosRecord] | LogEnd | Counter[str]
"""Some transactions of a file, the end of a file, or after the last file the paths that nothing reads."""


def read_logs(logs: Sequence[tuple[str, Dialect]]) -> Iterator[Read]:
    """Yield the transactions of files, each file's followed by its end, and at last the paths left unread.

    A process of its own parses files that are large together, so that this one makes the events meanwhile.

    Parameters
    ----------
    logs
        The files and the dialect of each.

    Raises
    ------
    ExportError
        A file defines entities.

    Examples
    --------
    >>> list(read_logs([]))
    [Counter()]
    """
    if core_count() == 1 or sum(Path(log).stat().st_size for log, _ in logs) < LARGE:
        return _read(logs)
    return _read_apart(logs)


def _read(logs: Sequence[tuple[str, Dialect]]) -> Iterator[Read]:
    readers: dict[str, TransactionPaths] = {}
    for log, dialect in logs:
        paths = readers.setdefault(dialect.name, TransactionPaths(dialect))
        batch: list[PosRecord] = []
        end = LogEnd()
        with Path(log).open("rb") as file:
            try:
                for transaction in transactions(file, log, paths):
                    batch.append(transaction)
                    if len(batch) == _BATCH:
                        yield batch
                        batch = []
            except Malformed as error:
                end = LogEnd(told(error), error.lineno or 0)
        yield batch
        yield end
    unread: Counter[str] = Counter()
    for paths in readers.values():
        unread.update(paths.unused())
    yield unread


def _read_apart(logs: Sequence[tuple[str, Dialect]]) -> Iterator[Read]:
    with Workers(send_logs, [(logs,)]) as workers:
        for _, read in workers.results():
            yield read


def send_logs(channel: Channel, logs: Sequence[tuple[str, Dialect]]) -> None:
    """Read files for another process: the work of the second process."""
    for read in _read(logs):
        channel.send(read)
