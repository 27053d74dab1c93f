"""`retail-streamer status`: the ``/metrics`` of a process in words."""

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import urllib3
from prometheus_client.parser import text_string_to_metric_families
from urllib3.exceptions import HTTPError

from retail_anomaly.core.quantities import plural
from streamer.errors import StreamerError

_TIMEOUT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Status:
    r"""The metrics of a process at one moment.

    Parameters
    ----------
    samples
        By metric name: labels and value of each sample.
    now
        The moment, in epoch seconds.

    Examples
    --------
    >>> status = Status.read('retail_ready 1.0\nretail_events_total{topic="pos-events"} 3.0\n', now=0.0)
    >>> status.ready, status.by("retail_events_total", "topic")
    (True, {'pos-events': 3.0})
    """

    samples: Mapping[str, list[tuple[dict[str, str], float]]] = field(repr=False)
    now: float = 0.0

    @classmethod
    def read(cls, text: str, now: float) -> "Status":
        """Parse Prometheus' text format."""
        samples: dict[str, list[tuple[dict[str, str], float]]] = defaultdict(list)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                samples[sample.name].append((dict(sample.labels), sample.value))
        return cls(samples, now)

    @property
    def ready(self) -> bool:
        """Whether the process is ready."""
        return self.value("retail_ready") == 1.0

    def value(self, name: str) -> float:
        """Return the sum of a metric's samples; 0 if there is no such metric."""
        return sum(value for _, value in self.samples.get(name, ()))

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return the sums of a metric's samples, by a label."""
        found: dict[str, float] = defaultdict(float)
        for labels, value in self.samples.get(name, ()):
            found[labels.get(label, "")] += value
        return dict(found)

    def quantile(self, name: str, share: float) -> float:
        """Return the upper limit of the bucket that holds a quantile of a histogram; the last has none."""
        buckets = sorted((float(limit), count) for limit, count in self.by(f"{name}_bucket", "le").items())
        return next((limit for limit, count in buckets if count >= share * buckets[-1][1]), 0.0)

    def lines(self) -> Iterator[str]:
        """Yield the status, line by line."""
        about = self.samples.get("retail_info", [({}, 1.0)])[0][0]
        yield (
            f"{about.get('process', '?')} of group {about.get('consumer_group', '?')}: "
            f"{'ready' if self.ready else 'not ready'}, "
            f"heard of {self.value('retail_poll_age_seconds'):.0f} s ago"
        )
        yield f"  records processed: {_listed(self.by('retail_events_total', 'topic'))}"
        yield f"  alerts: {_listed(self.by('retail_alerts_total', 'type'))}"
        yield f"  dead letters: {_listed(self.by('retail_dead_letters_total', 'reason'))}"
        if misplaced := self.by("retail_wrong_partition_total", "topic"):
            yield f"  in another partition than their key's: {_listed(misplaced)}"
        if written := self.by("retail_sink_points_total", "topic"):
            yield f"  written to InfluxDB: {_listed(written)}"
        if requests := self.by("retail_sink_request_seconds_count", "outcome"):
            waits = self.value("retail_backpressure_total")
            yield f"  requests to InfluxDB: {_listed(requests)}; put off {waits:,.0f} times"
        yield from self._rules()
        yield f"  lag: {self._lag()}"
        if hidden := self.samples.get("retail_open_transaction_records"):
            places = ", ".join(f"{each['topic']}[{each['partition']}] {count:,.0f}" for each, count in hidden)
            yield f"  held up by an open transaction of a producer: {places} records"
        if count := self.value("retail_alert_latency_seconds_count"):
            half, nearly = (self._reached("retail_alert_latency_seconds", q) for q in (0.5, 0.99))
            yield f"  event to alert: half {half}, 99 % {nearly}, of {count:,.0f}"
        if count := self.value("retail_processing_seconds_count"):
            mean = self.value("retail_processing_seconds_sum") / count
            yield f"  detecting: {mean * 1e6:.1f} µs an event"
        if count := self.value("retail_checkpoint_seconds_count"):
            mean = self.value("retail_checkpoint_seconds_sum") / count
            last = self.value("retail_last_checkpoint_timestamp_seconds")
            ago = f"the last committed {self.now - last:,.0f} s ago" if last else "none committed"
            yield f"  checkpoints: {count:,.0f}, {mean * 1e3:.1f} ms each, {ago}"
        if entries := self.value("retail_state_entries"):
            yield f"  state: {entries:,.0f} entries"
        if size := self.value("retail_state_bytes"):
            yield f"  state on disk: {size / 1e6:,.1f} MB"
        yield (
            f"  process: {self.value('process_resident_memory_bytes') / 1e6:,.0f} MB, "
            f"{self.value('process_cpu_seconds_total'):,.1f} s of CPU"
        )

    def _reached(self, name: str, share: float) -> str:
        limit = self.quantile(name, share)
        if limit < math.inf:
            return f"within {limit:g} s"
        return f"over {max(x for x in map(float, self.by(f'{name}_bucket', 'le')) if x < math.inf):g} s"

    def _rules(self) -> Iterator[str]:
        """Yield a line for each rule: its version, and the partitions where it is another one."""
        known: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for labels, version in self.samples.get("retail_rule_version", ()):
            as_it_is = f"version {version:.0f} {labels['status']}"
            known[labels["rule"]][as_it_is].append(int(labels["partition"]))
        for rule, found in sorted(known.items()):
            parts = [
                f"{as_it_is} in partition{'s' if len(places) > 1 else ''} {_ranges(places)}"
                for as_it_is, places in sorted(found.items())
            ]
            yield f"  rule {rule}: {'; '.join(parts)}"

    def _lag(self) -> str:
        lags = self.samples.get("retail_lag_records", [])
        if not lags:
            return "not known yet"
        labels, worst = max(lags, key=lambda sample: sample[1])
        total = sum(value for _, value in lags)
        most = f", most in {labels['topic']}[{labels['partition']}]: {worst:,.0f}" if worst else ""
        return f"{plural(int(total), 'record')} in {plural(len(lags), 'partition')}{most}"


def ask(url: str, clock: Callable[[], float] = time.time) -> Status:
    """Ask a process for its metrics.

    Parameters
    ----------
    url
        Its address, such as ``http://127.0.0.1:9464``.
    clock
        Gives the time in epoch seconds.

    Raises
    ------
    StreamerError
        No process answers, or the server is no streamer.
    """
    pool = urllib3.PoolManager(timeout=_TIMEOUT_SECONDS, retries=False)
    try:
        answer = pool.request("GET", f"{url}/metrics")
        text = answer.data.decode()
        status = Status.read(text, clock())
    except (HTTPError, OSError):
        raise StreamerError(
            f"nobody answers at {url}: is the process running, and was it started with --metrics-port?"
        ) from None
    except ValueError:
        status = Status({})
    finally:
        pool.clear()
    if "retail_info" not in status.samples:
        raise StreamerError(f"what answers at {url} is no retail-streamer: give the --metrics-port of one")
    return status


def _ranges(numbers: list[int]) -> str:
    """Return numbers in short, such as 0-3, 7."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and parts[-1][-1] == number - 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def _listed(counts: Mapping[str, float]) -> str:
    parts = [f"{name} {count:,.0f}" for name, count in sorted(counts.items()) if count]
    return ", ".join(parts) or "none"
