"""The streamer's command with faults inside: `python -m tests.support.faulty`, options as usual.

It is `run`, or the command that ``FAULT_COMMAND`` names.

Points are exact where a signal from outside can only be near. ``FAULT`` names them, separated by spaces, each
as ``action:stage:count``:

- ``kill:processed:1200``: SIGKILL to itself once 1,200 records are processed, in the midst of a run;
  ``kill:processed:1200:0.03`` so many seconds later, wherever it is by then.
- ``hold:delivered:3``: in its third commit make the file ``FAULT_GATE/held`` and wait for ``FAULT_GATE/go``.
- ``crawl:processed:1200``: crawl from there on, see below.
- ``limit:processed:1200``: write no file any longer than 32 KB, as where a quota is used up.

The stages: ``processed``, a record; ``recovered``, a record of the changelog; ``late``, a wait for Kafka that
has acknowledged all but the alerts, see below; ``delivered``, a commit whose alerts and state changes have
been acknowledged and whose offsets are not committed; ``committed``, one whose local state is not written;
``written``, the local state of one partition.

With ``FAULT_COMMIT_EVERY=250`` it commits after about that many records, or earlier if the commit interval is
over: a fast machine, too, has many commits in a log.

With ``FAULT_PACE=300`` it processes at most that many records a second. With ``FAULT_PACE=crawl`` it
processes 50 a second, so that the log is never over before the test has seen its condition come true,
and 300 a second while ``FAULT_GATE/walk`` is there. Both end when ``FAULT_GATE/full-speed`` is there.

With ``FAULT_LATE=anomaly-alerts`` the records of that topic are acknowledged last, as by a leader that is
slower than that of the changelog.

With ``FAULT_END=1`` it is ended by force one second after a signal, and not 30.

With ``FAULT_WATCH=0.5`` it looks at the topics every half a second, and not every 15 s.

With libfaketime's variables its clock steps while it runs.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import quixstreams.internal_producer
from quixstreams.checkpointing import Checkpoint
from quixstreams.internal_consumer import InternalConsumer
from quixstreams.internal_producer import InternalProducer
from quixstreams.state.base import PartitionTransaction
from quixstreams.state.recovery import RecoveryPartition

import streamer.process
import streamer.quix.application
import streamer.quix.record_runs
from streamer.cli import main
from streamer.observe.counts import ProcessCounts
from streamer.quix.membership import MemberApplication, MembershipCheck
from streamer.quix.record_runs import BeginRun, Step

_gate = Path(os.environ.get("FAULT_GATE", "nowhere"))
_pace = os.environ.get("FAULT_PACE", "0")
_commit_every = int(os.environ.get("FAULT_COMMIT_EVERY", "0"))
_seen: Counter[str] = Counter()

CRAWL, WALK = 50, 300
"""Records a second."""


@dataclass(frozen=True)
class _Point:
    action: str
    stage: str
    count: int
    delay: float

    @staticmethod
    def of(text: str) -> _Point:
        action, stage, count, *delay = text.split(":")
        return _Point(action, stage, int(count), float(*delay))

    def strike(self) -> None:
        if self.action == "kill":
            if self.delay:
                threading.Timer(self.delay, _end).start()
            else:
                _end()
        elif self.action == "crawl":
            _slow_down()
        elif self.action == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (32 << 10, resource.RLIM_INFINITY))
        elif self.action == "hold":
            (_gate / "held").touch()
            while not (_gate / "go").exists():
                time.sleep(0.01)


_points = [_Point.of(text) for text in os.environ.get("FAULT", "").split()]


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _reached(stage: str) -> None:
    _seen[stage] += 1
    for point in _points:
        if point.stage == stage and point.count == _seen[stage]:
            point.strike()


def _slow_down() -> None:
    global _pace  # noqa: PLW0603
    _pace = "crawl"


def _keep_pace() -> None:
    global _pace  # noqa: PLW0603
    # A slow file system is not asked more often than it must be.
    every = 1 if _pace == "crawl" else 20
    if _pace == "0" or _seen["processed"] % every:
        return
    if (_gate / "full-speed").exists():
        _pace = "0"
    elif _pace == "crawl":
        time.sleep(1 / (WALK if (_gate / "walk").exists() else CRAWL))
    else:
        # Time lost in a pause is not made up for: the pace is a limit.
        time.sleep(every / int(_pace))


def _observed(call: Callable[..., Any], *, before: str = "", after: str = "") -> Callable[..., Any]:
    def observed(*arguments: Any, **options: Any) -> Any:
        if before:
            _reached(before)
        result = call(*arguments, **options)
        if after:
            _reached(after)
        return result

    return observed


def _paced(begin: BeginRun) -> BeginRun:
    def begin_paced(partition: int) -> Step:
        step = begin(partition)

        def paced(record: Any) -> Sequence[Any]:
            found = step(record)
            _reached("processed")
            _keep_pace()
            return found

        return paced

    return begin_paced


def _read_in_paced_runs(self: MemberApplication, steps: Mapping[str, BeginRun]) -> None:
    _in_runs.update(steps)
    _read_in_runs(self, {topic: _paced(begin) for topic, begin in steps.items()})


def _paced_message(self: ProcessCounts, topic: str, _partition: int, _offset: int, records: int = 1) -> None:
    _message(self, topic, _partition, _offset, records)
    for _ in range(0 if topic in _in_runs else records):  # of those a step has told
        _reached("processed")
        _keep_pace()


_in_runs: set[str] = set()
_message = ProcessCounts.message
ProcessCounts.message = _paced_message  # type: ignore[method-assign]
_read_in_runs = MemberApplication.read_in_runs
MemberApplication.read_in_runs = _read_in_paced_runs  # type: ignore[method-assign]
# Exactly-once ends a checkpoint with the one, at-least-once with the other.
InternalProducer.commit_transaction = _observed(  # type: ignore[method-assign]
    InternalProducer.commit_transaction, before="delivered", after="committed"
)
_unobserved_commit = InternalConsumer.commit
InternalConsumer.commit = _observed(  # type: ignore[method-assign]
    InternalConsumer.commit, before="delivered", after="committed"
)


def _asked(self: MembershipCheck) -> None:
    """Ask for the membership, which is a commit too, and not the one meant."""
    observed, InternalConsumer.commit = InternalConsumer.commit, _unobserved_commit  # type: ignore[method-assign]
    try:
        _flush(self)
    finally:
        InternalConsumer.commit = observed  # type: ignore[method-assign]


_flush = MembershipCheck.flush
MembershipCheck.flush = _asked  # type: ignore[method-assign]
PartitionTransaction.flush = _observed(PartitionTransaction.flush, after="written")  # type: ignore[method-assign]
RecoveryPartition.recover_from_changelog_message = _observed(  # type: ignore[method-assign]
    RecoveryPartition.recover_from_changelog_message, after="recovered"
)


def _produce_late(self: InternalProducer, topic: str, *arguments: Any, **options: Any) -> None:
    if topic == _late:
        _waiting.append((topic, arguments, options))
    else:
        _produce(self, topic, *arguments, **options)


def _flush_late(self: InternalProducer, timeout: float | None = None) -> int:
    left = _flush_producer(self, timeout)
    if not _waiting:
        return left
    _reached("late")
    for topic, arguments, options in _waiting:
        _produce(self, topic, *arguments, **options)
    _waiting.clear()
    return _flush_producer(self, timeout)


_waiting: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
_produce, _flush_producer = InternalProducer.produce, InternalProducer.flush
if _late := os.environ.get("FAULT_LATE", ""):
    InternalProducer.produce = _produce_late  # type: ignore[method-assign]
    InternalProducer.flush = _flush_late  # type: ignore[method-assign]
_expired = Checkpoint.expired
Checkpoint.expired = lambda self: (  # type: ignore[method-assign]
    _expired(self) or 0 < _commit_every <= self._total_offsets_processed
)
if _commit_every:
    streamer.quix.record_runs._MOST_RECORDS = max(1, _commit_every // 5)  # type: ignore[misc]
if _pace != "0" or any(point.action == "crawl" for point in _points):
    # A process notices a rebalance only once it has processed the records it has read ahead.
    streamer.quix.application._BUFFERED_MESSAGES = 20  # type: ignore[misc]


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if "FAKETIME_TIMESTAMP_FILE" in os.environ:
    # libfaketime with a true monotonic clock refuses the call that `time.sleep` makes.
    time.sleep = quixstreams.internal_producer.sleep = _sleep  # type: ignore[assignment,attr-defined]

if "FAULT_END" in os.environ:
    streamer.process.END_SECONDS = float(os.environ["FAULT_END"])  # type: ignore[misc, assignment]
if "FAULT_WATCH" in os.environ:
    streamer.process.WATCH_SECONDS = float(os.environ["FAULT_WATCH"])  # type: ignore[attr-defined]

if __name__ == "__main__":
    sys.exit(main([os.environ.get("FAULT_COMMAND", "run"), *sys.argv[1:]]))
