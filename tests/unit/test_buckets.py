"""History in buckets: each replayed by itself, wherever that is, and no bucket twice."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cli import main
from retail_anomaly.core.codec import decode, encode, topic_of
from retail_anomaly.core.events import CountEvent, Event, time_of
from retail_anomaly.replay.executors import ClusterError
from retail_anomaly.replay.sent_work import do_sent
from retail_anomaly.settings import load
from retail_anomaly.sources import open_input
from retail_anomaly.sources.base import SourceError
from retail_anomaly.sources.bucket_writer import write_buckets
from retail_anomaly.sources.bucketed_log import Bucket, read_manifest
from retail_anomaly.workers import WorkerError
from tests.support.buckets import BUCKETS, content_hash

pytestmark = pytest.mark.long

TIME = 1_760_000_000_000


@pytest.fixture(scope="module")
def events() -> list[Event]:
    simulated = Simulation(stores=5, days=2, seed=3).events()
    return [decode(topic_of(event), encode(event)) for event in simulated]


@pytest.fixture(scope="module")
def log(events, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "history"
    write_buckets(events, folder, BUCKETS)
    return folder


@pytest.fixture(scope="module")
def expected(log, tmp_path_factory) -> str:
    """The hash of the alerts of one process."""
    return content_hash(ra.replay(log, executor="local", results=tmp_path_factory.mktemp("one")))


def done(results: Path) -> list[str]:
    return sorted(file.name for file in (results / "done").iterdir())


def content(events) -> Counter[bytes]:
    return Counter(map(encode, events))


def read(source: Any) -> list[Event]:
    return list(open_input(source).events(print))


def test_the_buckets_have_every_event_once_by_time_and_each_store_in_one(events, log):
    buckets = [read(Bucket(str(log), number)) for number in range(BUCKETS)]
    assert sum(map(content, buckets), Counter()) == content(events)
    stores = [{event.store_id for event in bucket} for bucket in buckets]
    assert sum(map(len, stores)) == len(set().union(*stores)) == read_manifest(log).stores
    for bucket in buckets:
        assert bucket == sorted(bucket, key=time_of)
    assert [bucket.events for bucket in read_manifest(log).buckets] == list(map(len, buckets))


def test_the_bucket_of_a_store_is_that_of_kafkas_clients_on_every_machine(tmp_path):
    write_buckets([CountEvent("21", "k", 1, TIME)], tmp_path / "out", 4)
    # murmur2("21") of Kafka's own tests
    assert read(Bucket(str(tmp_path / "out"), (-973932308 & 0x7FFFFFFF) % 4))


def test_events_of_equal_times_keep_their_order_however_little_is_held(tmp_path):
    counts = [CountEvent("s", "k", n, TIME - n % 3) for n in range(40)]
    write_buckets(counts, tmp_path / "out", 1, held_bytes=100)
    assert read(Bucket(str(tmp_path / "out"), 0)) == sorted(counts, key=time_of)


def test_each_command_reads_a_log_in_buckets_as_any_other_folder(events, log):
    assert content(ra.load(log)) == content(events)
    assert content(ra.load(log / "bucket=0")) == content(read(Bucket(str(log), 0)))


def test_a_replay_by_buckets_has_the_alerts_of_one_over_the_whole(log, expected, tmp_path):
    whole = ra.replay(log)
    by_buckets = ra.replay(log, executor="local", results=tmp_path)
    assert content_hash(by_buckets) == expected
    ids = ["alert_id", "revision", "event_time", "risk_score", "message"]
    whole_rows, rows = (
        result.alerts[ids].sort_values(ids[:2], ignore_index=True) for result in (whole, by_buckets)
    )
    pd.testing.assert_frame_equal(whole_rows, rows)
    for count in ("events", "stores", "held", "undecided", "bad_lines", "remarks"):
        assert getattr(whole, count) == getattr(by_buckets, count)
    assert ra.read_alerts(tmp_path / "alerts" / "bucket=0.parquet")["alert_id"].isin(rows["alert_id"]).all()


@pytest.mark.parametrize("executor", ["two processes", "threads", "pool"])
def test_the_alerts_are_the_same_wherever_the_buckets_are_replayed(log, expected, tmp_path, executor):
    if executor == "two processes":
        result = ra.replay(log, executor="local", jobs=2, results=tmp_path)
    elif executor == "threads":
        with ThreadPoolExecutor(2) as threads:
            result = ra.replay(log, executor=threads, results=tmp_path)
    else:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            result = ra.replay(log, executor=pool, results=tmp_path)
    assert content_hash(result) == expected
    assert len(done(tmp_path)) == BUCKETS


class Counting(ThreadPoolExecutor):
    """Takes note of the buckets that it is given."""

    def __init__(self) -> None:
        super().__init__(1)
        self.given = 0

    def submit(self, task: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given += 1
        return super().submit(task, *args, **kwargs)


def test_a_second_run_replays_only_what_has_no_marker(log, expected, tmp_path):
    ra.replay(log, executor="local", results=tmp_path)
    (tmp_path / "done" / "bucket=1.json").unlink()
    (tmp_path / "done" / "bucket=2.json").write_bytes(b"{")
    with Counting() as executor:
        result = ra.replay(log, executor=executor, results=tmp_path)
        assert executor.given == 2
    assert content_hash(result) == expected
    assert f"2 of {BUCKETS} buckets were done before" in result.remarks


def test_another_configuration_or_version_or_log_takes_no_old_result(log, events, tmp_path, monkeypatch):
    louder = load(environ={"RETAIL__DETECTORS__REFUND_BURST__COUNT": "2"}).settings
    rule = {
        "id": "a",
        "events": {"e": {"eventType": "SALE"}},
        "window": "1h",
        "when": {"count": "e", "gte": 99},
    }
    other = tmp_path / "other"
    write_buckets(events[:-1], other, BUCKETS)
    runs: list[tuple[Path, dict[str, Any], int]] = [
        (log, {}, BUCKETS),
        (log, {}, 0),
        (log, {"settings": louder}, BUCKETS),
        (log, {"detectors": ["refund_burst"]}, BUCKETS),
        (log, {"rules": [rule]}, BUCKETS),
        (log, {}, BUCKETS),
        (other, {}, 1),
    ]
    for place, given, replayed in runs:
        with Counting() as executor:
            ra.replay(place, executor=executor, results=tmp_path / "results", **given)
            assert executor.given == replayed, given
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0.1")
    with Counting() as executor:
        ra.replay(other, executor=executor, results=tmp_path / "results")
        assert executor.given == BUCKETS


def test_a_rule_file_and_its_shadow_come_along(log, tmp_path):
    rule = tmp_path / "rule.yaml"
    rule.write_text(
        "{id: many_sales, status: shadow, events: {e: {eventType: SALE}}, by: [cashierId], window: 1h,"
        " when: {count: e, gte: 20}}"
    )
    whole = ra.replay(log, rules=[rule])
    by_buckets = ra.replay(log, rules=[rule], executor="local", results=tmp_path / "results")
    assert whole.shadow is not None
    assert by_buckets.shadow is not None
    assert len(whole.shadow)
    assert set(whole.shadow["alert_id"]) == set(by_buckets.shadow["alert_id"])


def test_a_bucket_that_fails_keeps_the_markers_of_the_others(log, expected, tmp_path):
    file = next((log / "bucket=1").rglob("pos-events.parquet"))
    whole = file.read_bytes()
    file.unlink()
    try:
        with pytest.raises(SourceError, match="is not the file that was written"):
            ra.replay(log, executor="local", results=tmp_path)
    finally:
        file.write_bytes(whole)
    assert done(tmp_path) == ["bucket=0.json"]
    assert content_hash(ra.replay(log, executor="local", results=tmp_path)) == expected


def test_a_worker_with_another_version_is_one_line():
    with pytest.raises(WorkerError, match=r"has retail-anomaly .*, and this is 9\.9: install one version"):
        do_sent("9.9", b"of another version")


class Failing(ThreadPoolExecutor):
    def __init__(self, error: Exception) -> None:
        super().__init__(1)
        self._error = error

    def submit(self, task: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(self._error)
        return future


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ModuleNotFoundError("No module named 'retail_anomaly'"), "a worker has no retail-anomaly: install "),
        (
            RuntimeError("lost\n  three times"),
            r"not replayed \(RuntimeError: lost three times\); what is done",
        ),
    ],
)
def test_an_error_of_an_executor_is_one_line(log, tmp_path, error, said):
    with pytest.raises(ClusterError, match=said) as raised:
        ra.replay(log, executor=Failing(error), results=tmp_path)
    assert "\n" not in str(raised.value)


class Refusing(ThreadPoolExecutor):
    """Says at once that a function can't be imported there, as Ray does."""

    def submit(self, task: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise ModuleNotFoundError("No module named 'retail_anomaly'")


def test_an_executor_that_takes_no_task_is_one_line_too(log, tmp_path):
    with pytest.raises(ClusterError, match="a worker has no retail-anomaly: install "):
        ra.replay(log, executor=Refusing(1), results=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{events}", "--executor", "local"], "is no log in buckets: `retail-anomaly partition"),
        (["{log}", "--executor", "spark://host"], "--executor is local, dask://HOST:PORT"),
        (["{log}", "{log}", "--executor", "local"], "an executor takes one log in buckets"),
        (["{log}", "--executor", "local", "--return-stores"], "an executor replays each bucket by itself"),
        (["{log}", "--results", "out"], "--results goes with --executor"),
    ],
)
def test_a_wrong_call_is_one_line(log, tmp_path, capsys, arguments, said):
    (tmp_path / "events.jsonl").write_text("")
    names = {"events": str(tmp_path / "events.jsonl"), "log": str(log)}
    assert main(["replay", *(argument.format(**names) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_partition_and_replay_from_the_command_line(events, expected, tmp_path, capfd):
    lines = [b'{"topic":"%b","value":%b}\n' % (topic_of(event).encode(), encode(event)) for event in events]
    (tmp_path / "events.jsonl").write_bytes(b"".join([*lines, b"{\n"]))
    out = tmp_path / "history"
    command = ["partition", str(tmp_path / "events.jsonl"), "--out", str(out), "--buckets", str(BUCKETS)]
    assert main(command) == 0
    said = capfd.readouterr().err
    assert f"Written: {out} ({len(events):,} events of 5 stores in 4 buckets)" in said
    assert "1 line" in said
    assert main(command) == 2
    assert "is not empty" in capfd.readouterr().err
    assert main(["replay", str(out), "--executor", "local"]) == 0
    printed = capfd.readouterr().out.splitlines()
    result = ra.replay(out, executor="local")
    assert content_hash(result) == expected
    assert [json.loads(line)["alertId"] for line in printed] == result.alerts["alert_id"].tolist()
    assert result.remarks[0] == "4 of 4 buckets were done before"
