"""Tuning trials over all stores of a log: in this process, in several that share the stores, or on a cluster.

Stores are independent, so each process holds the events of its own share of the stores and no others. The
log is in memory once, whatever the number of processes, and every trial has the same outcome. The workers of
an executor hold nothing: each call is a bucket, which is read again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from operator import methodcaller
from typing import Any, Final

import pandas as pd

from retail_anomaly.frames.alerts import alerts_frame
from retail_anomaly.replay.shared_work import SharedWork, shared_work
from retail_anomaly.replay.shared_work import Where as Runs
from retail_anomaly.settings import Settings
from retail_anomaly.settings.privacy_settings import NO_PSEUDONYMS, PrivacySettings
from retail_anomaly.sources import Share, Where, open_input
from retail_anomaly.sources.bucketed_log import Bucket, buckets_of
from retail_anomaly.sources.loaded import Events
from retail_anomaly.sources.mapping import EventMapping
from retail_anomaly.sources.unreadable import unreadable
from retail_anomaly.tune.store_share_trials import LogFacts, StoreShareTrials, TrialOutcome
from retail_anomaly.workers import Channel, Workers

_FAILED: Final = "a bucket was not tried ({}); a study keeps the trials, and the same call goes on with them"


class AllStoreShares:
    """The trials over all stores of a log. Use it as a context: the log is read at the start of the block.

    Parameters
    ----------
    where
        The log.
    jobs
        How many processes share the stores. With more than one, each reads the log for itself, so the source
        must be divisible.
    executor
        For a log in buckets: an executor or the address of a cluster, which does each call for each bucket.
    privacy
        Whether the events of the buckets bear pseudonyms.

    Examples
    --------
    >>> from retail_anomaly.core.events import CountEvent
    >>> with AllStoreShares([CountEvent("s", "k", 3, 1_760_000_000_000)], jobs=1) as shares_of_log:
    ...     shares_of_log.facts.times
    {'s': array([1760000000000])}
    """

    def __init__(
        self,
        where: Where,
        jobs: int,
        executor: Runs | None = None,
        privacy: PrivacySettings = NO_PSEUDONYMS,
    ) -> None:
        self._where = where
        self._jobs = jobs
        self._executor = executor
        self._privacy = privacy
        self._buckets: list[Bucket] = []
        self._work: SharedWork | None = None
        self._begun: tuple[Any, ...] | None = None
        self._here: StoreShareTrials | None = None
        self._workers: Workers | None = None
        self._limit = 0
        self._stack = ExitStack()

    def __enter__(self) -> "AllStoreShares":
        """Read the log."""
        if self._executor is not None:
            self._buckets = buckets_of(self._where)
            with ExitStack() as stack:
                self._work = stack.enter_context(shared_work(self._executor, self._jobs, _FAILED))
                self.facts = _all_facts(self._call("facts"))
                self._stack = stack.pop_all()
            return self
        if self._jobs == 1:
            self._here = StoreShareTrials(self._where)
            self.facts = self._here.facts()
            return self
        shares = open_input(self._where).shares(self._jobs, everything=False)
        with ExitStack() as stack:
            self._workers = stack.enter_context(
                Workers(hold_share, [(self._where, share) for share in shares])
            )
            self.facts = _all_facts(self._workers.one_each())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *raised: object) -> None:
        """End the processes."""
        self._stack.close()

    def begin(self, incidents: pd.DataFrame, cuts: Mapping[str, int], limit: int) -> None:
        """Set the incidents, the ends and the limit for the trials; see `StoreShareTrials.begin`."""
        self._limit = limit
        self._begun = incidents, cuts, limit
        if self._work is None:
            self._call("begin", *self._begun)

    def outcomes(
        self, settings: Settings, detectors: Sequence[str], *, limited: bool = True
    ) -> dict[str, TrialOutcome]:
        """Run detectors over the days tuned on; see `StoreShareTrials.outcomes`."""
        every = self._call("outcomes", settings, detectors, limited)
        limit = self._limit if limited else None
        return {name: _sum([outcomes[name] for outcomes in every], limit) for name in detectors}

    def alerts(self, settings: Settings) -> pd.DataFrame:
        """Return the alerts of all enabled detectors over all days, in order of time."""
        alerts = [alert for of_share in self._call("alerts", settings) for alert in of_share]
        return alerts_frame(sorted(alerts, key=lambda alert: (alert.event_time, alert.store_id)))

    def _call(self, method: str, *arguments: Any) -> list[Any]:
        call = methodcaller(method, *arguments)
        if self._work is not None:
            given = self._privacy, self._begun, call
            return self._work.in_order([(ask_bucket, (bucket, *given)) for bucket in self._buckets])
        return [call(self._here)] if self._workers is None else self._workers.ask(call)


def hold_share(channel: Channel, where: Where, share: Share) -> None:
    """Read a share of a log, send its facts, and answer every call of a method of its `StoreShareTrials`."""
    trials = StoreShareTrials(where, share)
    channel.send(trials.facts())
    for call in channel:
        channel.send(call(trials))


def ask_bucket(
    bucket: Bucket, privacy: PrivacySettings, begun: tuple[Any, ...] | None, call: Callable[[Any], Any]
) -> Any:
    """Read a bucket and return the result of a call of a method of its `StoreShareTrials`."""
    trials = StoreShareTrials(Events(bucket, None, EventMapping(), privacy=privacy))
    if begun is not None:
        trials.begin(*begun)
    return call(trials)


def _all_facts(facts: Sequence[LogFacts]) -> LogFacts:
    first = next((one.first_bad for one in facts if one.first_bad), None)
    if first and not any(one.digests for one in facts):
        raise unreadable(first, sum(one.bad_lines for one in facts))
    return LogFacts(
        {store: times for one in facts for store, times in one.times.items()},
        {store: digest for one in facts for store, digest in one.digests.items()},
        sum(one.bad_lines for one in facts),
        first,
    )


def _sum(outcomes: Sequence[TrialOutcome], limit: int | None) -> TrialOutcome:
    alerts = sum(outcome.alerts for outcome in outcomes)
    # Each share can be within the limit while all of them together are not.
    within = limit is None or alerts <= limit
    found = sorted(row for outcome in outcomes for row in outcome.found) if within else []
    levels = zip(*(outcome.surer for outcome in outcomes), strict=True)
    return TrialOutcome(alerts, tuple(found), tuple(_sum(level, limit) for level in levels))
