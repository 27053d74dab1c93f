"""The events of a log in memory, and what detectors make of them; in several processes if need be.

Stores are independent, so that each process holds the stores it works on and no others: a log is in
memory once, however many processes there are, and every trial has the same outcome.
"""

import multiprocessing
import signal
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from hashlib import blake2b
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.events import Event, PosEvent, ShiftEvent
from retail_anomaly.evaluate import Activity, match_incidents
from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.replay import replay_events
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import Where, open_input
from retail_anomaly.sources.event_log import BadLines
from retail_anomaly.tune import TuneError

_REPEATED: Final = ("store_id", "cashier_id", "sku", "event_type", "register_id", "tender")


class TrialOutcome(msgspec.Struct, frozen=True):
    """What one detector with certain parameters makes of the days that are tuned on.

    Parameters
    ----------
    alerts
        How many alerts, each counted once.
    found
        The places of the incidents it finds, in the frame of those days' incidents; empty, and not
        known, where there are more alerts than the limit.
    """

    alerts: int
    found: tuple[int, ...]


class Facts(msgspec.Struct, frozen=True):
    """What is to be known of the events that a shard holds.

    Parameters
    ----------
    times
        By store the times of its events, in epoch milliseconds.
    digests
        By store a hash of its events in their order.
    bad_lines
        How many lines were no events.
    """

    times: dict[str, Any]
    digests: dict[str, str]
    bad_lines: int


class Shard:
    """The events of some of a log's stores.

    Parameters
    ----------
    where
        The log, as `open_input` takes it.
    number, of
        Keep every store whose place in the order of their first events is `number` modulo `of`.
    """

    def __init__(self, where: Where, number: int = 0, of: int = 1) -> None:
        self._events: list[Event] = []
        self._incidents = pd.DataFrame()
        self._cuts: Mapping[str, int] = {}
        self._tuned_events = 0
        self._limit = 0
        digests: dict[str, Any] = {}
        shared: dict[str, str] = {}
        places: dict[str, int] = {}
        bad = BadLines()
        for event in open_input(where).events(bad):
            store = event.store_id
            if places.setdefault(store, len(places)) % of != number:
                continue
            if isinstance(event, PosEvent):
                _share(event, shared)
            if store not in digests:
                digests[store] = blake2b(digest_size=16)
            digests[store].update(msgspec.json.encode(event))
            self._events.append(event)
        times = Activity.of(self._events, sample=0).times
        # Every shard reads every line, and one of them tells how many were bad.
        self._facts = Facts(
            dict(times),
            {store: digest.hexdigest() for store, digest in digests.items()},
            bad.count if number == 0 else 0,
        )

    def facts(self) -> Facts:
        """Return what is to be known of the events."""
        return self._facts

    def begin(self, incidents: pd.DataFrame, cuts: Mapping[str, int], limit: int) -> None:
        """Say what the trials are about.

        Parameters
        ----------
        incidents
            The incidents of the days that are tuned on.
        cuts
            By store when these days end, in epoch milliseconds.
        limit
            With more alerts than this a detector can't be chosen, whatever it finds.
        """
        self._incidents, self._cuts, self._limit = incidents.reset_index(drop=True), cuts, limit
        # Late events keep their place: the last event that matters is the last with an early time.
        early = (
            place
            for place, event in enumerate(self._events)
            if not isinstance(event, ShiftEvent) and event.event_time < cuts[event.store_id]
        )
        self._tuned_events = 1 + max(early, default=-1)

    def outcomes(
        self, settings: Settings, detectors: Sequence[str], limited: bool
    ) -> dict[str, TrialOutcome]:
        """Run detectors over the days that are tuned on, each by itself in one pass.

        Parameters
        ----------
        settings
            Has their parameters.
        detectors
            Their names.
        limited
            Whether to stop looking at what a detector finds once it has more alerts than the limit.
        """
        ids: dict[str, set[str]] = {name: set() for name in detectors}
        kept: dict[str, list[Alert]] = defaultdict(list)
        events = self._events[: self._tuned_events]
        for alert in replay_events(events, build_engine(settings, detectors)):
            if max(alert.opened_at, alert.event_time) >= self._cuts[alert.store_id]:
                continue
            known = ids[alert.detector]
            known.add(alert.alert_id)
            if not limited or len(known) <= self._limit:
                kept[alert.detector].append(alert)
        return {
            name: TrialOutcome(
                len(known), () if limited and len(known) > self._limit else self._found(kept[name])
            )
            for name, known in ids.items()
        }

    def alerts(self, settings: Settings) -> list[Alert]:
        """Run all detectors that the settings enable over all days."""
        return list(replay_events(self._events, build_engine(settings)))

    def _found(self, alerts: list[Alert]) -> tuple[int, ...]:
        if not alerts or self._incidents.empty:
            return ()
        matched = match_incidents(alerts_frame(alerts), self._incidents)
        return tuple(np.flatnonzero(matched["found"].to_numpy()).tolist())


class Shards:
    """All stores of a log, in this process or in several others.

    Parameters
    ----------
    where
        The log; several processes read it each for itself, so that it must be files then.
    jobs
        How many processes; with one, everything happens in this one.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> with Shards([CountEvent("s", "k", 3, 1_760_000_000_000)], jobs=1) as shards:
    ...     shards.facts().times
    {'s': array([1760000000000])}
    """

    def __init__(self, where: Where, jobs: int) -> None:
        self._where = where
        self._jobs = jobs
        self._here: Shard | None = None
        self._pools: list[ProcessPoolExecutor] = []
        self._limit = 0
        self._stack = ExitStack()

    def __enter__(self) -> "Shards":
        """Read the log."""
        if self._jobs == 1:
            self._here = Shard(self._where)
            return self
        # Spawned: a fork of a process with threads, a notebook's for one, may hang.
        context = multiprocessing.get_context("spawn")
        try:
            for _ in range(self._jobs):
                pool = ProcessPoolExecutor(1, context, initializer=_ignore_interrupts)
                self._stack.callback(pool.shutdown, cancel_futures=True)
                self._pools.append(pool)
            loading = [
                pool.submit(_load, self._where, number, self._jobs) for number, pool in enumerate(self._pools)
            ]
            _results(loading)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        """End the processes."""
        self._stack.close()

    def facts(self) -> Facts:
        """Return what is to be known of all events."""
        every = self._call("facts")
        return Facts(
            {store: times for facts in every for store, times in facts.times.items()},
            {store: digest for facts in every for store, digest in facts.digests.items()},
            sum(facts.bad_lines for facts in every),
        )

    def begin(self, incidents: pd.DataFrame, cuts: Mapping[str, int], limit: int) -> None:
        """Say what the trials are about; see `Shard.begin`."""
        self._limit = limit
        self._call("begin", incidents, cuts, limit)

    def outcomes(
        self, settings: Settings, detectors: Sequence[str], *, limited: bool = True
    ) -> dict[str, TrialOutcome]:
        """Run detectors over the days that are tuned on; see `Shard.outcomes`."""
        every = self._call("outcomes", settings, detectors, limited)
        limit = self._limit if limited else None
        return {name: _added([outcomes[name] for outcomes in every], limit) for name in detectors}

    def alerts(self, settings: Settings) -> pd.DataFrame:
        """Return the alerts of all detectors that the settings enable, over all days, in order of time."""
        found = [alert for alerts in self._call("alerts", settings) for alert in alerts]
        return alerts_frame(sorted(found, key=lambda alert: (alert.event_time, alert.store_id)))

    def _call(self, method: str, *arguments: Any) -> list[Any]:
        if self._here is not None:
            return [getattr(self._here, method)(*arguments)]
        return _results([pool.submit(_ask, method, arguments) for pool in self._pools])


def _results(calls: Sequence["Future[Any]"]) -> list[Any]:
    try:
        return [call.result() for call in calls]
    except BrokenProcessPool:
        raise TuneError(
            "a process was killed from outside, most likely for want of memory: tune on fewer stores or days"
        ) from None


def _added(outcomes: Sequence[TrialOutcome], limit: int | None) -> TrialOutcome:
    alerts = sum(outcome.alerts for outcome in outcomes)
    # Each shard by itself may be within a limit that all together are over.
    known = limit is None or alerts <= limit
    return TrialOutcome(
        alerts, tuple(sorted(place for one in outcomes for place in one.found)) if known else ()
    )


def _share(event: PosEvent, shared: dict[str, str]) -> None:
    """Let equal names of many events be one object: half of a log's memory is such names."""
    for field in _REPEATED:
        text = getattr(event, field)
        if text is not None:
            msgspec.structs.force_setattr(event, field, shared.setdefault(text, text))


# --- In another process -----------------------------------------------------------------------

_held: list[Shard] = []


def _ignore_interrupts() -> None:
    # Ctrl-C reaches every process of a terminal; the one that asks decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _load(where: Where, number: int, of: int) -> None:
    _held[:] = [Shard(where, number, of)]


def _ask(method: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(_held[0], method)(*arguments)
