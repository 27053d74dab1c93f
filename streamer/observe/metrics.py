"""The metrics of a process, for Prometheus.

Counts are collected when Prometheus asks. Durations are observed as they happen.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retail_anomaly.cases import Action, Case
from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.invalid import DeadLetter
from retail_anomaly.rules import Rule
from streamer.observe.background import Background
from streamer.observe.counts import ProcessCounts

_LATENCY: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400)
_PROCESSING: Final = (5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1)
_TO_VERDICT: Final = (60, 600, 3_600, 14_400, 43_200, 86_400, 172_800, 345_600, 604_800, 2_592_000)
_REQUEST: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30)

_MOST_VERSIONS: Final = 1_000
STALLED_SECONDS: Final = 300.0
"""A poll loop that is silent for this long has lost its partitions (`max.poll.interval.ms`)."""


class Metrics(ProcessCounts, Collector):
    """The counts of a process, and more, as Prometheus reads them.

    Parameters
    ----------
    process
        The command: ``run``, ``metrics``, ``triage``, ``notify``, ``returns`` or ``sink``.
    group
        Its consumer group.
    state_dir
        The folder of its local state; None for a process without state.

    Attributes
    ----------
    registry
        The metrics that ``/metrics`` serves.
    recovering
        Tells whether state is being read back.
    entries
        Counts the entries of the state, by collection.
    undecided
        Counts what the detectors could not judge, by detector and reason.
    rules
        Yields each partition with each of its rules.
    paused_routes
        Tells by route of notifications whether it waits after a failure.
    live_stores
        Counts the stores in memory, and those put aside so far.
    background
        The work beside the poll loop.

    Examples
    --------
    >>> metrics = Metrics("run", "retail-anomaly")
    >>> metrics.message("pos-events", 0, 17)
    >>> metrics.registry.get_sample_value("retail_events_total", {"topic": "pos-events"})
    1
    """

    def __init__(self, process: str, group: str, state_dir: Path | None = None) -> None:
        super().__init__()
        self.registry = registry = CollectorRegistry()
        self.recovering: Callable[[], bool] = lambda: False
        self.entries: Callable[[], Mapping[str, int]] = dict
        self.undecided: Callable[[], Mapping[tuple[str, str], int]] = dict
        self.rules: Callable[[], Iterable[tuple[int, Rule]]] = tuple
        self.paused_routes: Callable[[], Mapping[str, bool]] = dict
        self.live_stores: Callable[[], tuple[int, int]] = lambda: (0, 0)
        self.background: Sequence[Background] = ()
        self._about = [process, group]
        self._state_dir = state_dir
        self._waits = 0
        self._committed = 0.0
        self._latency = Histogram(
            "retail_alert_latency_seconds", "From an alert's event time to its emission.",
            buckets=_LATENCY, registry=registry,
        )  # fmt: skip
        self._processing = Histogram(
            "retail_processing_seconds", "Time of the detectors over one event; every 64th event is timed.",
            buckets=_PROCESSING, registry=registry,
        )  # fmt: skip
        self._checkpoint = Histogram(
            "retail_checkpoint_seconds", "Writing state and output and committing the offsets.",
            buckets=_REQUEST, registry=registry,
        )  # fmt: skip
        self._request = Histogram(
            "retail_sink_request_seconds", "Requests to InfluxDB, by outcome.", ["outcome"],
            buckets=_REQUEST, registry=registry,
        )  # fmt: skip
        self._to_verdict = Histogram(
            "retail_verdict_seconds", "From an alert's opening to a verdict on it.",
            buckets=_TO_VERDICT, registry=registry,
        )  # fmt: skip
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._shadow: Counter[str] = Counter()
        self._by_version: Counter[tuple[str, str, str]] = Counter()
        ProcessCollector(registry=registry)
        registry.register(self)

    @property
    def alive(self) -> bool:
        """Whether the poll loop reported recently."""
        return time.monotonic() - self.heard < STALLED_SECONDS

    @property
    def ready(self) -> bool:
        """Whether the process has its place, has read its state back, and all its work goes on."""
        return self.alive and self.joined and not self.recovering() and not self.troubled

    @property
    def troubled(self) -> list[str]:
        """The names of the work beside the poll loop that fails at present."""
        return [work.name for work in self.background if not work.well]

    def raised(self, outcome: Alert | Case | DeadLetter) -> None:
        """Count an alert, a case or a dead letter, and how long the alert took."""
        super().raised(outcome)
        if isinstance(outcome, Alert):
            self._of_rule(outcome, "live")
        if isinstance(outcome, Alert) and outcome.detected_at is not None:
            self._latency.observe(max(0.0, (outcome.detected_at - outcome.event_time) / 1_000))

    def in_shadow(self, alert: ShadowAlert) -> None:
        """Count an alert in the shadow."""
        self._shadow[alert.type] += 1
        self._of_rule(alert, "shadow")

    def _of_rule(self, alert: Alert, status: str) -> None:
        """Count an alert by the version of its rule, if a rule has raised it."""
        version = alert.evidence.get("version")
        if version is None or not alert.detector.startswith("rule:"):
            return
        names = alert.detector.removeprefix("rule:"), str(version), status
        if names not in self._by_version and len(self._by_version) >= _MOST_VERSIONS:
            # Each is a series in Prometheus for ever, and versions can be pushed by the thousand.
            names = "", "", status
        self._by_version[names] += 1

    def decided(self, action: Action, changed: Sequence[Case]) -> None:
        """Observe the alerts that a verdict is about, and how long they waited for it."""
        if action.verdict is None:
            return
        for alert in (alert for case in changed for alert in case.alerts):
            about = action.alert_id in (None, alert.alert_id) and alert.opened_at <= action.time
            if about:
                self._verdicts[alert.type, action.verdict] += 1
                self._to_verdict.observe((action.time - alert.opened_at) / 1_000)

    def processed_in(self, seconds: float) -> None:
        """Observe the time that the detectors took for one event."""
        self._processing.observe(seconds)

    def request(self, outcome: str, seconds: float) -> None:
        """Observe a request to InfluxDB."""
        self._request.labels(outcome).observe(seconds)

    def checkpoint(self, seconds: float, *, committed: bool) -> None:
        """Observe a checkpoint that was committed or will be tried again."""
        self._checkpoint.observe(seconds)
        if committed:
            self._committed = time.time()
        else:
            self._waits += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the counts, for Prometheus' registry."""
        about = GaugeMetricFamily(
            "retail_info", "The command and its consumer group.", labels=["process", "consumer_group"]
        )
        about.add_metric(self._about, 1)
        yield about
        yield _gauge(
            "retail_ready",
            "1 if the process has its place in the group, has read its state back, and all its work goes on.",
            float(self.ready),
        )
        yield _gauge(
            "retail_poll_age_seconds",
            "Seconds since the poll loop last reported.",
            time.monotonic() - self.heard,
        )
        yield _gauge(
            "retail_last_checkpoint_timestamp_seconds",
            "Time of the last commit, in epoch seconds.",
            self._committed,
        )
        yield _counter("retail_events", "Records processed.", "topic", self._processed)
        yield _counter("retail_alerts", "Alerts raised, revisions included.", "type", self._alerts)
        yield _counter(
            "retail_shadow_alerts", "Alerts in the shadow, revisions included.", "type", self._shadow
        )
        versions = CounterMetricFamily(
            "retail_rule_alerts",
            "Alerts of declarative rules, revisions included, by the version that raised them. After "
            f"{_MOST_VERSIONS:,} combinations the others have empty labels.",
            labels=["rule", "version", "status"],
        )
        for each, number in list(self._by_version.items()):
            versions.add_metric(list(each), number)
        yield versions
        undecided = CounterMetricFamily(
            "retail_undecided", "Refunds that a detector could not judge.", labels=["detector", "reason"]
        )
        for names, count in self.undecided().items():
            undecided.add_metric(list(names), count)
        yield undecided
        yield _counter(
            "retail_dead_letters", "Records that became dead letters.", "reason", self._dead_letters
        )
        yield _counter(
            "retail_wrong_partition",
            "Records whose key belongs into another partition by Kafka's partitioner.",
            "topic",
            self._misplaced,
        )
        yield _counter("retail_case_changes", "Cases written after a change, by state.", "state", self._cases)
        verdicts = CounterMetricFamily(
            "retail_verdicts", "Verdicts on alerts, by type of alert.", labels=["type", "verdict"]
        )
        for names, count in list(self._verdicts.items()):  # a copy: the poll loop keeps counting
            verdicts.add_metric(list(names), count)
        yield verdicts
        told = CounterMetricFamily(
            "retail_notifications",
            "Messages of a route: sent, or failed and tried again; and alerts held until later or given up.",
            labels=["route", "outcome"],
        )
        for names, count in list(self._notified.items()):
            told.add_metric(list(names), count)
        yield told
        paused = GaugeMetricFamily(
            "retail_route_paused", "1 while a route waits after a failure.", labels=["route"]
        )
        for route, is_paused in self.paused_routes().items():
            paused.add_metric([route], float(is_paused))
        yield paused
        yield _counter(
            "retail_sink_points", "Records that InfluxDB has acknowledged.", "topic", self._written
        )
        waits = CounterMetricFamily(
            "retail_backpressure", "Checkpoints put off because InfluxDB took no writes."
        )
        waits.add_metric([], self._waits)
        yield waits
        lag = GaugeMetricFamily(
            "retail_lag_records", "Records not committed yet.", labels=["topic", "partition"]
        )
        for (topic, partition), records in self.lag.items():
            lag.add_metric([topic, str(partition)], records)
        yield lag
        hidden = GaugeMetricFamily(
            "retail_open_transaction_records",
            "Records that can't be read because a producer's transaction before them is open.",
            labels=["topic", "partition"],
        )
        for (topic, partition), records in self.hidden.items():
            hidden.add_metric([topic, str(partition)], records)
        yield hidden
        rules = GaugeMetricFamily(
            "retail_rule_version",
            "Version of each declarative rule that is known in a partition of this process.",
            labels=["rule", "status", "partition"],
        )
        for partition, rule in self.rules():
            rules.add_metric([rule.id, rule.status, str(partition)], rule.version)
        yield rules
        live, put_aside = self.live_stores()
        yield _gauge("retail_live_stores", "Stores in memory.", live)
        aside = CounterMetricFamily(
            "retail_stores_put_aside", "Stores dropped from memory because there are too many; disk has them."
        )
        aside.add_metric([], put_aside)
        yield aside
        entries = GaugeMetricFamily(
            "retail_state_entries",
            "Entries of the stores that had an event since the start.",
            labels=["collection"],
        )
        for collection, count in self.entries().items():
            entries.add_metric([collection], count)
        yield entries
        if self._state_dir is not None:
            yield _gauge("retail_state_bytes", "Bytes of the local state on disk.", _size(self._state_dir))


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, count in list(counts.items()):  # a copy: the poll loop keeps counting
        family.add_metric([key], count)
    return family


def _size(folder: Path) -> int:
    """Return the bytes of a folder's files, without those that vanish meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:
            continue
    return total
