"""A replay in several processes: the alerts of one, in the same order."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import retail_anomaly as ra
from data_gen import Simulation
from retail_anomaly.cli import main
from retail_anomaly.core import codec
from retail_anomaly.core.events import CountEvent, Event, GateData, PosEvent, SecurityEvent, ShiftEvent
from retail_anomaly.replay import open_replay
from retail_anomaly.replay.driver import Replay
from retail_anomaly.settings import build_engine, load
from retail_anomaly.sources import SourceError, open_input
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, BadLines
from retail_anomaly.sources.store_share import Share, balanced
from tests.support.waiting import PATIENCE_S

pytestmark = pytest.mark.long

TIME = 1_760_000_000_000
MINUTE = 60_000
NO_COLUMNS = Columns()
HOLDING = load(environ={"RETAIL__DETECTORS__REFUND_WITHOUT_SALE__MATCH_GRACE": "10m"}).settings


def pos(kind, at, number="t", store="s", amount=20.0):
    return PosEvent(number, store, "c", "k", amount, kind, TIME + at)


def line(event: Event) -> bytes:
    return b'{"topic": "%b", "value": %b}\n' % (codec.topic_of(event).encode(), codec.encode(event))


@pytest.fixture(scope="module")
def simulated() -> list[Event]:
    return list(Simulation(stores=4, days=2, seed=3).events())


@pytest.fixture(scope="module")
def log(simulated, tmp_path_factory) -> Path:
    """A log with bad lines, ones that name a store and ones that don't."""
    lines = [line(event) for event in simulated]
    for place, bad in ((50, b"{\n"), (1_000, b'{"topic": "pos-events", "value": {"storeId": "store-2"}}\n')):
        lines[place:place] = [bad] * 30
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture(scope="module")
def folder(simulated, tmp_path_factory) -> Path:
    """Values by topic, the receipts out of order, the counts as Parquet."""
    out = tmp_path_factory.mktemp("folder")
    by_topic: dict[str, list[bytes]] = {}
    for event in simulated:
        by_topic.setdefault(codec.topic_of(event), []).append(codec.encode(event))
    random.Random(1).shuffle(by_topic["pos-events"])
    for topic, values in by_topic.items():
        if topic == "inventory-counts":
            pd.DataFrame(map(json.loads, values)).to_parquet(out / f"{topic}.parquet")
        else:
            (out / f"{topic}.jsonl").write_bytes(b"\n".join([*values, b"{"]))
    return out


def assert_equal(where, tmp_path, several=3, **how):
    """Replay in one process and in several; return what one gives."""
    results, letters = [], []
    for jobs in (1, several):
        dead = tmp_path / f"dead{jobs}.jsonl"
        results.append(ra.replay(where, jobs=jobs, dead_letters=dead, **how))
        letters.append(dead.read_text().splitlines())
    one, other = results
    frames = [result.alerts.drop(columns="detected_at") for result in results]
    pd.testing.assert_frame_equal(frames[0], frames[1])
    for name in ("events", "bad_lines", "bad_reasons", "held", "stores"):
        assert getattr(one, name) == getattr(other, name), name
    return one, letters


@pytest.mark.parametrize("settings", [load(environ={}).settings, HOLDING], ids=["plain", "with ticks"])
def test_a_log_gives_equal_alerts_and_equal_dead_letters(log, tmp_path, settings):
    result, (one, other) = assert_equal(log, tmp_path, settings=settings)
    assert len(result.alerts) > 10
    assert result.bad_lines == len(one) == 60
    assert one == other


def test_a_folder_gives_equal_alerts_whatever_its_files_are(folder, tmp_path):
    result, (one, other) = assert_equal(folder, tmp_path)
    assert result.alerts["type"].nunique() == 6
    # Read by time: there is no order among the bad lines of several files.
    assert sorted(one) == sorted(other)
    assert len(one) == 4  # one in each file of JSON lines


def test_a_frame_parquet_and_csv_with_foreign_names_give_equal_alerts(tmp_path):
    rng = random.Random(2)
    rows = [
        {"no": f"t{n}", "shop": rng.choice([1, 2, 3, None]), "sku": "k", "amount": 150.0,
         "kind": rng.choice(["SALE", "REFUND"]), "at": TIME + n * 1_000, "clerk": f"c{n % 5}"}
        for n in range(3_000)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    names = {
        "transactionId": "no",
        "storeId": "shop",
        "eventType": "kind",
        "eventTime": "at",
        "cashierId": "clerk",
    }
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    own = {"storeId": "web"}
    # In two processes, and not more often than it must be: each that reads a frame imports pandas.
    result, (one, other) = assert_equal(frame, tmp_path, 2, columns=names)
    assert len(result.alerts) > 100
    assert one == other
    assert len(one) == frame["shop"].isna().sum()
    assert_equal(tmp_path / "a.parquet", tmp_path, 2, columns=names, constants=own, settings=HOLDING)
    # In a CSV file a store's number with a gap in the column is text such as 1.0.
    assert_equal(tmp_path / "a.csv", tmp_path, 2, columns=names)
    # The others in this process.
    for where, chosen, columns in (
        (tmp_path / "a.parquet", load(environ={}).settings, Columns(names)),
        (frame, HOLDING, Columns(names, own)),
    ):
        alerts, bad, events, held = in_one(where, chosen, columns)
        assert in_shares(where, chosen, 2, {}, columns) == (alerts, bad, +events, held)


def test_what_can_be_read_only_once_is_read_in_one_process(simulated):
    assert len(ra.replay(iter(simulated), jobs=2).alerts) == len(ra.replay(simulated).alerts)


# --- In this process: many small logs, without starting workers for each ----------------------


STORES = st.sampled_from(["a", "b", "ä", 'c"', "d\\"])
EVENTS = st.one_of(
    st.builds(
        pos,
        st.sampled_from(["SALE", "REFUND", "VOID"]),
        st.integers(0, 40).map(lambda minute: minute * MINUTE),
        st.sampled_from(["t1", "t2", "t3"]),
        STORES,
        st.sampled_from([20.0, 150.0, 250.0]),
    ),
    st.builds(lambda s, at: ShiftEvent("c", s, TIME + at, TIME + at + 1), STORES, st.integers(0, 10**7)),
    st.builds(
        lambda s, n, at: CountEvent(s, "k", n, TIME + at), STORES, st.integers(0, 30), st.integers(0, 10**6)
    ),
    st.builds(
        lambda s, n, at: SecurityEvent(f"g{n}", s, TIME + at, "GATE", GateData("g", alarm=True)),
        STORES, st.integers(0, 9), st.integers(0, 10**6),
    ),
)  # fmt: skip
BAD = st.sampled_from(
    [b"{\n", b"\n", b"\xff\n", b'{"storeId": "a"}\n', b'{"topic": "pos-events", "value": {"storeId": "b"}}\n',
     b'{"topic": "storeId", "value": {"storeId": "b"}}\n',
     b'{"topic":"inventory-counts","value":{"storeId":""}}\n']
)  # fmt: skip
# A store may stand anywhere in a line, twice, spaced out or with escapes.
TWISTED = st.sampled_from(
    [
        b'{"topic":"inventory-counts","value":{"sku":"k","countedQty":%d,'
        b'"eventTime":1760000000000,"storeId" : "a"}}\n',
        b'{"topic":"inventory-counts","value":{"storeId":"b","sku":"k","countedQty":%d,'
        b'"eventTime":1760000000000,"storeId":"a"}}\n',
        b'{"topic":"inventory-counts","value":{"sku":"storeId","countedQty":%d,'
        b'"eventTime":1760000000000,"storeId":"b"}}\n',
        b'{"topic":"inventory-counts","value":{"sku":"k","countedQty":%d,'
        b'"eventTime":1760000000000,"store\\u0049d":"a"}}\n',
        b'{"value":{"sku":"k","countedQty":%d,'
        b'"eventTime":1760000000000,"storeId":"\\u0061"},"topic":"inventory-counts"}\n',
    ]
)
LINES = st.lists(
    st.one_of(EVENTS.map(line), BAD, st.builds(lambda text, n: text % n, TWISTED, st.integers(0, 30)))
)


def in_one(path, chosen, columns=NO_COLUMNS):
    bad: list[BadLine] = []
    run = Replay(build_engine(chosen))
    alerts = []
    try:
        alerts = list(run.alerts(open_input(path, columns=columns).events(bad.append)))
    except SourceError:  # not one line is an event
        assert bad
        assert not run.events.total()
    return [(a.key, a.store_id, a.evidence) for a in alerts], list(map(str, bad)), run.events, run.held


def in_shares(path, chosen, processes, assigned, columns=NO_COLUMNS):
    """Do what the workers and the process above them do, one worker after the other."""
    found, events, held = [], Counter(), 0
    for index in range(processes):
        engine = build_engine(chosen)
        run = Replay(engine)
        share = Share(index, processes, assigned, engine.needs_ticks)

        def reject(place, bad, found=found):
            found.append(((place, 2, bad.number, bad.place), len(found), bad))

        for order, alert in run.placed_alerts(
            open_input(path, columns=columns).placed(reject, share), share.owns
        ):
            found.append((order, len(found), alert))
        events += run.events
        held += run.held
    found.sort(key=lambda item: item[:2])
    alerts = [(a.key, a.store_id, a.evidence) for *_, a in found if not isinstance(a, BadLine)]
    return alerts, [str(bad) for *_, bad in found if isinstance(bad, BadLine)], +events, held


@given(lines=LINES, processes=st.integers(2, 4), waits=st.booleans(), known=st.sets(STORES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_log_gives_what_one_process_gives(tmp_path, lines, processes, waits, known):
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"".join(lines))
    chosen = HOLDING if waits else load(environ={}).settings
    assigned = balanced(dict.fromkeys(known, 1), processes)
    alerts, bad, events, held = in_one(path, chosen)
    assert in_shares(path, chosen, processes, assigned) == (alerts, bad, +events, held)


@given(values=st.lists(EVENTS), rows=st.booleans(), waits=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_folder_gives_what_one_process_gives(tmp_path, values, rows, waits):
    for topic in {codec.topic_of(event) for event in values}:
        encoded = [codec.encode(event) for event in values if codec.topic_of(event) == topic]
        for path in tmp_path.glob(f"{topic}.*"):
            path.unlink()
        if rows:
            pd.DataFrame(map(json.loads, encoded)).to_parquet(tmp_path / f"{topic}.parquet")
        else:
            (tmp_path / f"{topic}.jsonl").write_bytes(b"".join(value + b"\n" for value in encoded))
    if not values:
        return
    chosen = HOLDING if waits else load(environ={}).settings
    one = in_one(tmp_path, chosen)
    many = in_shares(tmp_path, chosen, 3, {})
    assert (one[0], +one[2], one[3]) == (many[0], many[2], many[3])


def test_stores_are_divided_by_the_number_of_their_events(log):
    shares = open_input(log).shares(2, everything=False)
    counts = dict.fromkeys(range(2), 0)
    for event in open_input(log).events(BadLines()):
        counts[next(share.index for share in shares if share.owns(event.store_id))] += 1
    assert max(counts.values()) < 0.6 * sum(counts.values())


# --- The command, and what goes wrong ---------------------------------------------------------


def test_the_command_gives_equal_output(log, tmp_path, capsys):
    outputs = []
    for jobs in ("1", "2"):
        path = tmp_path / f"alerts{jobs}.jsonl"
        assert main(["replay", str(log), "--jobs", jobs, "--output", str(path)]) == 0
        alerts = [json.loads(text) for text in path.read_text().splitlines()]
        for alert in alerts:
            del alert["detectedAt"]
        outputs.append((alerts, capsys.readouterr().err.splitlines()[1:]))
    assert outputs[0][0] == outputs[1][0] != []
    # What was shown of the bad lines, and the summary but for its seconds.
    assert [text for text in outputs[0][1] if " s (" not in text] == [
        text for text in outputs[1][1] if " s (" not in text
    ]


def test_a_source_that_breaks_off_is_one_line(tmp_path, capsys):
    frame = pd.DataFrame(json.loads(codec.encode(pos("SALE", n, store=f"s{n % 3}"))) for n in range(1_000))
    path = tmp_path / "pos-events.parquet"
    frame.to_parquet(path, compression=None)
    data = bytearray(path.read_bytes())
    data[200:2_000] = bytes(1_800)
    path.write_bytes(data)
    assert main(["replay", str(path), "--jobs", "2"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("retail-anomaly: ")
    assert "can't be read as Parquet" in error
    assert error.count("\n") == 1


def test_wrong_numbers_of_jobs(log, capsys):
    with pytest.raises(ValueError, match="jobs: expected 0"):
        ra.replay(log, jobs=-1)
    assert main(["replay", str(log), "--jobs", "-1"]) == 2
    assert ra.replay(log, jobs=0).stores == 4


def wait_for(condition, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def workers_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in children.read_text().split()] if children.exists() else []


@pytest.fixture
def endless(tmp_path, log):
    """A replay in two processes that is far from its end, and its workers."""
    path = tmp_path / "long.jsonl"
    with path.open("wb") as file:
        for _ in range(60):
            file.write(log.read_bytes())
    command = [sys.executable, "-m", "retail_anomaly.cli", "replay", str(path), "--jobs", "2", "--output",
               str(tmp_path / "alerts.jsonl")]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(lambda: len(workers_of(process.pid)) == 2)
    yield process, workers_of(process.pid)
    process.kill()
    process.communicate()


def gone(pids):
    return all(not Path(f"/proc/{pid}").exists() for pid in pids)


def test_ctrl_c_ends_the_workers_too(endless):
    process, workers = endless
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert error.splitlines()[-1] == "retail-anomaly: stopped before the end"
    assert "Traceback" not in error
    wait_for(lambda: gone(workers))


def test_a_worker_that_is_killed_is_one_line(endless):
    process, workers = endless
    os.kill(workers[1], signal.SIGKILL)
    _, error = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "worker 2 of 2 was ended from outside" in error.splitlines()[-1]
    wait_for(lambda: gone(workers))


def test_an_iterator_that_is_left_ends_the_workers(log):
    others = set(workers_of(os.getpid()))
    run = open_replay([log] * 50, None, Columns(), load(environ={}).settings, None, jobs=2)
    alerts = run.alerts(BadLines(), progress=False)
    next(alerts)
    workers = set(workers_of(os.getpid())) - others
    assert len(workers) == 2
    assert isinstance(alerts, Generator)
    alerts.close()
    assert not set(workers_of(os.getpid())) & workers


def test_a_source_that_is_not_there_starts_nothing():
    with pytest.raises(SourceError, match="no such file"):
        ra.replay("missing.jsonl", jobs=2)
