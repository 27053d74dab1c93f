"""A replay of a log in buckets: each bucket is a task, which may run on another machine.

Stores are independent, so the alerts of a bucket do not depend on the others. Each task writes its alerts and
then a marker. Another run with the same events and the same configuration replays what has no marker.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec

from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.engine import Engine
from retail_anomaly.detectors import own_detectors
from retail_anomaly.replay.about import About
from retail_anomaly.replay.bucket_task import (
    BucketReport,
    BucketTask,
    alerts_name,
    done_report,
    replay_bucket,
)
from retail_anomaly.replay.executors import ClusterError
from retail_anomaly.replay.named_stores import NamedStores
from retail_anomaly.replay.progress import is_shown, progress_bar
from retail_anomaly.replay.sent_work import version
from retail_anomaly.replay.shared_work import Where, shared_work
from retail_anomaly.settings import Settings, with_rules
from retail_anomaly.sources.bucketed_log import Bucket, Manifest, digest_of, read_manifest
from retail_anomaly.sources.event_log import Reject
from retail_anomaly.sources.findings import Findings
from retail_anomaly.sources.stored_folder import StoredFolder

RESULTS: Final = "_results"
_FAILED: Final = (
    "a bucket was not replayed ({}); what is done is kept, and the same call goes on with the rest"
)


def bucket_tasks(
    place: str, results: str, settings: Settings, detectors: Sequence[str] | None, engine: Engine
) -> list[BucketTask]:
    """Return a task for each bucket of a log.

    Parameters
    ----------
    place
        The log: a folder or an address.
    results
        The folder or address for the alerts.
    settings, detectors
        As for `build_engine`.
    engine
        The engine of these.

    Raises
    ------
    UsageError
        The place is no log in buckets.
    """
    manifest = read_manifest(place)
    # The files of rules are on this machine.
    files = settings.rules.files
    section = msgspec.structs.replace(settings.rules, files=())
    settings = with_rules(msgspec.structs.replace(settings, rules=section), files)
    keys = _keys(manifest, settings, detectors, engine)
    return [
        BucketTask(Bucket(place, number), results, key, settings, detectors)
        for number, key in enumerate(keys)
    ]


def _keys(
    manifest: Manifest, settings: Settings, detectors: Sequence[str] | None, engine: Engine
) -> list[str]:
    """Return for each bucket a hash of all that its alerts depend on."""
    running = [[detector.name, detector.config_hash] for detector in engine.all_detectors]
    own = sorted(own_detectors())
    shared = [version(), settings, dict(settings.detectors), detectors, running, own]
    return [
        digest_of(msgspec.json.encode([*shared, bucket.digest], enc_hook=str, order="deterministic"))
        for bucket in manifest.buckets
    ]


class ReplayInBuckets:
    """One pass over a log in buckets, see `retail_anomaly.replay.Pass`.

    The alerts come bucket by bucket, in the order in which each bucket raises them.

    Parameters
    ----------
    tasks
        A task for each bucket.
    where
        As of `shared_work`.
    jobs
        How many processes ``local`` starts; 0: one for each core.
    about
        The facts that the remarks need.
    shadow
        Called with each alert of a rule in the shadow.
    """

    def __init__(
        self,
        tasks: Sequence[BucketTask],
        where: Where,
        jobs: int,
        about: About,
        shadow: Callable[[Alert], object],
    ) -> None:
        self._tasks = tasks
        self._where = where
        self._jobs = jobs
        self._about = about
        self._shadow = shadow
        self._findings = Findings()
        self._stores = NamedStores()
        self.hints: list[str] = []
        self.events: Counter[str] = Counter()
        self.undecided: Counter[tuple[str, str]] = Counter()
        self.held = 0
        self.store_count = 0

    @property
    def remarks(self) -> list[str]:
        """Sentences about the data that a person should read before the alerts."""
        return self._about.remarks(self._findings, self._stores)

    def alerts(self, reject: Reject, progress: bool | None) -> Iterator[Alert]:
        """Replay what is not done yet, and yield the alerts of all buckets."""
        results = StoredFolder(self._tasks[0].results)
        shadows = set()
        with ExitStack() as stack:
            update = stack.enter_context(progress_bar("replaying")) if is_shown(progress) else None
            for done, report in enumerate(self._reports(results), 1):
                self._add(report)
                shadows |= {report.bucket} if report.shadow else set()
                if update is not None:
                    update(f"{done:,} of {len(self._tasks):,} buckets", done / len(self._tasks))
        for task in self._tasks:
            number = task.bucket.number
            yield from _read_alerts(results, alerts_name(number))
            for alert in _read_alerts(results, alerts_name(number, "shadow")) if number in shadows else ():
                self._shadow(alert)

    def _reports(self, results: StoredFolder) -> Iterator[BucketReport]:
        """Yield the reports of the buckets that were done before, and then of the others as they come."""
        waiting = []
        for task in self._tasks:
            report = done_report(results, task.bucket.number, task.key)
            if report is None:
                waiting.append(task)
            else:
                yield report
        if len(waiting) < len(self._tasks):
            before = len(self._tasks) - len(waiting)
            self._about.add_notes([f"{before:,} of {len(self._tasks):,} buckets were done before"])
        if not waiting:
            return
        with shared_work(self._where, self._jobs, _FAILED) as work:
            for _, report in work.as_done([(replay_bucket, (task,)) for task in waiting]):
                yield report

    def _add(self, report: BucketReport) -> None:
        self.events += Counter(report.events)
        self.undecided += Counter({(detector, why): n for detector, why, n in report.undecided})
        self.held += report.held
        self.store_count += report.stores
        self._findings.add(report.findings)
        self._stores.add(NamedStores(set(report.named), report.others))
        if report.bad_lines:
            self._about.add_notes(
                [f"bucket {report.bucket}: {report.bad_lines:,} rows are no events, first {report.first_bad}"]
            )


def _read_alerts(results: StoredFolder, name: str) -> Iterator[Alert]:
    from retail_anomaly.frames.alert_files import read_table

    content = results.read(name)
    if content is None:
        raise ClusterError(f"{results.name}/{name} is missing, though it was written: who removed it?")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "alerts.parquet"
        file.write_bytes(content)
        yield from read_table(file)
