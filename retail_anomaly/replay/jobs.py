"""A replay in one process, or in several that share the stores.

Stores are independent, so several processes can replay them side by side. Each process reads the whole
input and processes the events of its own stores. It sends every alert with its place in the order of all
events, and the alerts are put in that order: the result is the one that a single process gives.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Final, Protocol

import msgspec

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.score import Score
from retail_anomaly.replay.about import About
from retail_anomaly.replay.buckets import RESULTS, ReplayInBuckets, bucket_tasks
from retail_anomaly.replay.driver import Order, Replay
from retail_anomaly.replay.named_stores import NamedStores
from retail_anomaly.replay.progress import is_shown, progress_bar, tracked
from retail_anomaly.replay.rules_log import PlacedChange, RunningRules
from retail_anomaly.replay.share_replay import ShareCounts, ShareReport, ShareTask, replay_share
from retail_anomaly.replay.shared_work import Where as Runs
from retail_anomaly.replay.shared_work import check_shared
from retail_anomaly.settings import Settings, build_engine, rules_of_settings
from retail_anomaly.sources import FIRST, Input, Where, open_input
from retail_anomaly.sources.bucketed_log import place_of, read_manifest
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, Reject
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.loaded import Events
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.unreadable import Unreadable
from retail_anomaly.sources.watch import Watch
from retail_anomaly.workers import Workers, core_count, detectors_are_importable

_AFTER_ALL: Final = (sys.maxsize, 0, 0, 0)


class Pass(Protocol):
    """One pass over history. Its counts are complete when you have taken all of its alerts."""

    @property
    def events(self) -> Counter[str]:
        """How many events were processed, by topic."""

    @property
    def held(self) -> int:
        """How many decisions still wait for time to pass."""

    @property
    def undecided(self) -> Counter[tuple[str, str]]:
        """How many events could not be judged, by detector and reason."""

    @property
    def store_count(self) -> int:
        """How many stores there were."""

    @property
    def remarks(self) -> list[str]:
        """Sentences about the data that a person should read before the alerts."""

    @property
    def hints(self) -> list[str]:
        """What was assumed about the data, such as the time zone."""

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        """Yield the alerts; pass bad lines to `reject`; show a progress bar (None: on a terminal)."""


def open_replay(  # noqa: PLR0913 - most by name only
    where: Where,
    topic: str | None,
    columns: Columns | EventMapping,
    settings: Settings,
    detectors: Sequence[str] | None,
    *,
    jobs: int = 1,
    listener: Callable[[Score], None] | None = None,
    shadow: Callable[[Alert], object] = bool,
    rules_log: Sequence[PlacedChange] | None = None,
    return_stores: bool = False,
    executor: Runs | None = None,
    results: str | Path | None = None,
) -> Pass:
    """Open a source for a replay in one or several processes.

    The alerts and their order do not depend on the number of processes, and neither do the bad lines. There
    is one exception: if several files are read by time, their bad lines may come in another order.

    One process does all the work, whatever `jobs` says, if others could not: if the source is standard
    input or events in memory, if there is a `listener`, or if a detector was registered that a script or
    notebook defines itself (see `retail_anomaly.workers.detectors_are_importable`).

    Parameters
    ----------
    where, topic, columns
        See `open_input`.
    settings, detectors
        See `build_engine`.
    jobs
        How many processes share the stores; 0: one for each core.
    listener
        Called with each score of the models.
    shadow
        Called with each alert of a rule in the shadow; by default they are dropped.
    rules_log
        Changes of the rules at places of the log, as `read_rules_log` reads them.
    return_stores
        Whether a refund that names a receipt of another store is compared with it there.
    executor
        Where the buckets of a log in buckets are replayed: ``local`` (as many processes as `jobs` says),
        ``dask://host:port``, ``dask+tls://host:port``, ``ray://host:port``, or an executor. None: the log is
        read as any other.
    results
        The folder or address for the alerts of the buckets; None: the folder ``_results`` of the log.

    Raises
    ------
    ValueError
        `jobs` is negative.
    UsageError
        With an `executor`: `where` is no log in buckets, or the replay needs all stores in one place.
    SourceError
        The source is not there or can't be read.
    SettingsError
        There is no such detector.

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
    jobs = jobs or core_count()
    mapping = EventMapping.of(columns)
    if isinstance(where, Events) and where.privacy.pseudonyms != "none":
        settings = msgspec.structs.replace(settings, privacy=where.privacy)
    if isinstance(where, Events) and where.can_be_sent and where.zones is None:
        where, topic, mapping = where.where, where.topic, where.mapping
    elif isinstance(where, Events):
        mapping = where.mapping
    place = None
    if executor is not None:
        if rules_log is not None or return_stores or listener is not None:
            raise UsageError(
                "an executor replays each bucket by itself: a log of rule changes, returns to other stores "
                "and scores need all events in one process"
            )
        check_shared(executor)
        where = place = place_of(where)
        read_manifest(place)
    engine = build_engine(settings, detectors, nobody=mapping.nobody)
    for detector in engine.all_detectors:
        detector.listener = listener
    names = list(dict.fromkeys(detector.name for detector in engine.all_detectors))
    if place is not None and executor is not None:
        # Not opened here: the workers read it.
        tasks = bucket_tasks(place, str(results or f"{place}/{RESULTS}"), settings, detectors, engine)
        return ReplayInBuckets(tasks, executor, jobs, About([], names, engine.rules, settings), shadow)
    source = open_input(where, topic, mapping, settings.zones, settings.privacy)
    rules, said = None, list(source.notes)
    dispatches = engine.rules
    if rules_log is not None:
        configured = rules_of_settings(settings, detectors)
        outcome = RunningRules(configured, rules_log).outcome()
        said += outcome.remarks()
        dispatches += outcome.rules
        rules = RunningRules(configured, rules_log)
    about = About(said, names, dispatches, settings)
    if jobs == 1 or listener is not None or not source.divisible or not detectors_are_importable():
        run = Replay(engine, shadow, rules, return_stores=return_stores)
        watch = Watch(mapping.nobody, settings.numbered_by, return_stores=return_stores)
        return _ReplayHere(run, source, watch, about)
    # The changes of a partition come with the events of all its stores, and other stores name its receipts.
    shares = source.shares(jobs, everything=engine.needs_ticks or rules is not None or return_stores)
    task = partial(
        ShareTask,
        where,
        topic,
        mapping,
        settings,
        detectors,
        rules_log=rules_log,
        return_stores=return_stores,
    )
    return _ReplayInWorkers(
        [task(share=share) for share in shares],
        shadow,
        about,
    )


class _ReplayHere:
    """A replay in this process."""

    def __init__(self, replay: Replay, source: Input, watch: Watch, about: About) -> None:
        self._replay = replay
        self._source = source
        self._watch = watch
        self._about = about

    @property
    def remarks(self) -> list[str]:
        self._about.add_notes(self._source.notes)
        stores = NamedStores.of(self._replay.store_ids, self._about.configured)
        return self._about.remarks(self._watch.findings, stores)

    @property
    def hints(self) -> list[str]:
        return self._source.hints

    @property
    def events(self) -> Counter[str]:
        return self._replay.events

    @property
    def held(self) -> int:
        return self._replay.held

    @property
    def undecided(self) -> Counter[tuple[str, str]]:
        return self._replay.undecided

    @property
    def store_count(self) -> int:
        return self._replay.store_count

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        events = self._watch.passed(self._source.events(reject))
        return self._replay.alerts(tracked(self._source, events, progress))


class _ReplayInWorkers:
    """A replay in several processes, one share of the stores each."""

    def __init__(self, tasks: Sequence[ShareTask], shadow: Callable[[Alert], object], about: About) -> None:
        self._tasks = tasks
        self._shadow = shadow
        self._about = about
        self._findings = Findings()
        self._stores = NamedStores()
        self.hints: list[str] = []
        self.events: Counter[str] = Counter()
        self.undecided: Counter[tuple[str, str]] = Counter()
        self.held = 0
        self.store_count = 0

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        with ExitStack() as stack:
            update = stack.enter_context(progress_bar("reading")) if is_shown(progress) else None
            workers = stack.enter_context(Workers(replay_share, [(task,) for task in self._tasks]))
            merged = _Merged(len(self._tasks))
            unreadable = Unreadable(reject)
            for share, message in workers.results():
                if isinstance(message, ShareCounts):
                    self._add(message)
                    merged.end(share)
                else:
                    merged.add(share, message)
                for item in merged.complete():
                    if isinstance(item, BadLine):
                        unreadable(item)
                    elif isinstance(item, ShadowAlert):
                        self._shadow(item)
                    else:
                        yield item
                if update is not None:
                    update(f"{merged.events:,} events", merged.done)
            unreadable.check(self.events.total())

    @property
    def remarks(self) -> list[str]:
        return self._about.remarks(self._findings, self._stores)

    def _add(self, counts: ShareCounts) -> None:
        self.events += counts.events
        self.undecided += counts.undecided
        self._stores.add(counts.named_stores)
        self.held += counts.held
        self.store_count += counts.stores
        self._findings.add(counts.findings)
        self._about.add_notes(counts.notes)
        self.hints = counts.hints or self.hints


class _Merged:
    """The alerts and bad lines of several shares, in the order in which one process would give them."""

    def __init__(self, shares: int) -> None:
        self._last = [ShareReport(FIRST, [], 0, 0.0) for _ in range(shares)]
        # The number keeps the alerts of one event, whose order is the same, in the order in which they came.
        self._waiting: list[tuple[Order, int, Alert | BadLine]] = []
        self._number = count()

    def add(self, share: int, report: ShareReport) -> None:
        self._last[share] = report
        for order, item in report.items:
            heappush(self._waiting, (order, next(self._number), item))

    def end(self, share: int) -> None:
        self._last[share].until = _AFTER_ALL

    def complete(self) -> Iterator[Alert | BadLine]:
        """Yield the items that no share can put another in front of any more."""
        until = min(report.until for report in self._last)
        while self._waiting and self._waiting[0][0][0] < until:
            yield heappop(self._waiting)[2]

    @property
    def events(self) -> int:
        return sum(report.events for report in self._last)

    @property
    def done(self) -> float | None:
        """How much all shares have read, 0 to 1; None where one can't tell."""
        parts = [report.done for report in self._last if report.done is not None]
        return min(parts) if len(parts) == len(self._last) else None
