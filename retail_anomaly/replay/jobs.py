"""A replay in one process or in several, which share the stores.

Stores do not know of each other, so their events can be processed side by side. Every process reads
all of the input and takes the events of its own stores; what it finds comes with its place in the
order of all events, by which the alerts are put in the order that one process gives.
"""

import os
import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from heapq import heappop, heappush
from itertools import count
from multiprocessing.connection import Connection, wait
from typing import Final, Protocol

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.score import Score
from retail_anomaly.detectors import own_detectors
from retail_anomaly.replay.passes import Order, Replay
from retail_anomaly.replay.progress import is_shown, progress_bar, tracked
from retail_anomaly.replay.worker import End, Failure, Part, Task
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import FIRST, Input, SourceError, Where, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, Reject

_COMMAND: Final = "from retail_anomaly.replay.worker import work; work()"
_AFTER_ALL: Final = (sys.maxsize, 0, 0, 0)


class Pass(Protocol):
    """One pass over history; its counts are complete when its alerts are exhausted."""

    @property
    def events(self) -> Counter[str]:
        """How many events were processed, by topic."""

    @property
    def held(self) -> int:
        """How many decisions still wait for time to pass."""

    @property
    def store_count(self) -> int:
        """How many stores there were."""

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        """Yield the alerts; pass what is no event to `reject`; show a bar, None: on a terminal."""


def open_replay(
    where: Where,
    topic: str | None,
    columns: Columns,
    settings: Settings,
    detectors: Sequence[str] | None,
    *,
    jobs: int = 1,
    listener: Callable[[Score], None] | None = None,
) -> Pass:
    """Open what is to be replayed, in as many processes as are wanted and of use.

    Standard input and events in memory can be read only once, and detectors of one's own are known to this
    process alone: then there is no other. The
    alerts and their order do not depend on the number of processes, nor do the bad lines; only among
    the bad lines of several files that are read by time the order may be another.

    Parameters
    ----------
    where, topic, columns
        See `open_input`.
    settings, detectors
        See `build_engine`.
    jobs
        How many processes share the stores; 0: one for each core.
    listener
        Gets the models' scores; it is in this process, so there will be no other.

    Raises
    ------
    ValueError
        `jobs` is negative.
    SourceError, SettingsError
        Something can't be read, or there is no such detector.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> counts = [CountEvent("s", "k", n, 1_760_000_000_000) for n in (20, 12)]
    >>> run = open_replay(counts, None, Columns(), Settings(), None, jobs=2)
    >>> [alert.type for alert in run.alerts(print, False)], run.store_count
    (['STOCK_DISCREPANCY'], 1)
    """
    if jobs < 0:
        raise ValueError(f"jobs: expected 0 (one for each core) or more, got {jobs}")
    jobs = jobs or _cores()
    engine = build_engine(settings, detectors)
    for detector in engine.detectors:
        detector.listener = listener
    source = open_input(where, topic, columns)
    # Another process knows nothing of what was registered in this one.
    own = any(detector.name in own_detectors() for detector in engine.detectors)
    if jobs == 1 or listener is not None or own or not source.divisible:
        return _OneProcess(Replay(engine), source)
    shares = source.shares(jobs, everything=engine.needs_ticks)
    return _ManyProcesses([Task(where, topic, columns, settings, detectors, share) for share in shares])


class _OneProcess:
    def __init__(self, replay: Replay, source: Input) -> None:
        self._replay = replay
        self._source = source

    @property
    def events(self) -> Counter[str]:
        return self._replay.events

    @property
    def held(self) -> int:
        return self._replay.held

    @property
    def store_count(self) -> int:
        return len(self._replay.stores)

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        return self._replay.alerts(tracked(self._source, self._source.events(reject), progress))


class _ManyProcesses:
    """Workers, and what they have told so far."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._tasks = tasks
        self.events: Counter[str] = Counter()
        self.held = 0
        self.store_count = 0

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        with ExitStack() as stack:
            update = stack.enter_context(progress_bar("reading")) if is_shown(progress) else None
            parts = [Part(FIRST, [], 0, 0.0) for _ in self._tasks]
            # The number keeps the alerts of one event, which have the same order, as they came.
            waiting: list[tuple[Order, int, Alert | BadLine]] = []
            number = count()
            for worker, message in self._messages(stack):
                if isinstance(message, End):
                    self._count(message)
                    parts[worker].until = _AFTER_ALL
                else:
                    parts[worker] = message
                    for order, found in message.found:
                        heappush(waiting, (order, next(number), found))
                until = min(part.until for part in parts)
                while waiting and waiting[0][0][0] < until:
                    found = heappop(waiting)[2]
                    if isinstance(found, BadLine):
                        reject(found)
                    else:
                        yield found
                if update is not None:
                    done = [part.done for part in parts if part.done is not None]
                    events = sum(part.events for part in parts)
                    update(f"{events:,} events", min(done) if len(done) == len(parts) else None)

    def _count(self, end: End) -> None:
        self.events += end.events
        self.held += end.held
        self.store_count += end.stores

    def _messages(self, stack: ExitStack) -> Iterator[tuple[int, Part | End]]:
        """Start the workers and yield what they tell as it comes; they end with the stack."""
        places = {_started(task, stack): index for index, task in enumerate(self._tasks)}
        while places:
            for connection in wait(list(places)):
                assert isinstance(connection, Connection)  # noqa: S101 - for the type checker
                worker = places[connection]
                try:
                    message = connection.recv()
                except EOFError:
                    raise SourceError(
                        f"worker {worker + 1} of {len(self._tasks)} was ended from outside, perhaps for want "
                        "of memory: try fewer jobs"
                    ) from None
                if isinstance(message, Failure):
                    raise SourceError(message.reason)
                if isinstance(message, End):
                    del places[connection]
                yield worker, message


def _started(task: Task, stack: ExitStack) -> Connection:
    """Start a worker, which ends with the stack, and return what it tells through."""
    # Not by multiprocessing, which would run the user's own script once more in every worker.
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 - "" is here
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C reaches this process alone, which ends them; one that is starting would say what it met.
            process_group=0,
            env={**os.environ, "PYTHONPATH": path},
        )
    )
    stack.callback(process.kill)
    assert process.stdin is not None  # noqa: S101 - for the type checker
    assert process.stdout is not None  # noqa: S101
    # If it was ended before it has read, that shows where its answer is read.
    with suppress(BrokenPipeError), process.stdin as stdin:
        pickle.dump(task, stdin, pickle.HIGHEST_PROTOCOL)
    return stack.enter_context(Connection(os.dup(process.stdout.fileno()), writable=False))


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
