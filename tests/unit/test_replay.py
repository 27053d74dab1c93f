"""Replay: the detectors over history, from Python."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc

import msgspec
import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.core import codec
from retail_anomaly.core.durations import Duration
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import CountEvent, PosEvent, ShiftEvent
from retail_anomaly.replay import Replay
from retail_anomaly.settings import Settings, build_engine, load

TIME = 1_760_000_000_000
MINUTE = 60_000
RULES = ["refund_burst", "refund_without_sale", "security_correlation"]
RULES += ["inventory_shrinkage", "stock_discrepancy"]


def pos(kind, at, number="t", store="s", amount=20.0):
    return PosEvent(number, store, "c", "k", amount, kind, TIME + at)


def log_of(path, events):
    lines = (
        b'{"topic": "%b", "value": %b}\n' % (codec.topic_of(e).encode(), codec.encode(e)) for e in events
    )
    path.write_bytes(b"".join(lines))
    return path


@pytest.fixture
def holding():
    """An engine that holds unmatched refunds for ten minutes."""
    return build_engine(load(environ={"RETAIL__DETECTORS__REFUND_WITHOUT_SALE__MATCH_GRACE": "10m"}).settings)


def test_the_result_of_a_log(tmp_path):
    events = [pos("SALE", 0), pos("REFUND", 1), pos("REFUND", 2, "t2"), ShiftEvent("c", "s", TIME, TIME + 1)]
    path = log_of(tmp_path / "a.jsonl", events)
    path.write_bytes(path.read_bytes() + b'{"topic": "pos-events", "value": {}}\n')
    before = pd.Timestamp.now("UTC").floor("ms")
    result = ra.replay(path, dead_letters=tmp_path / "dead.jsonl")
    assert result.alerts[["type", "employee_id"]].to_numpy().tolist() == [["REFUND_WITHOUT_SALE", "c"]]
    assert result.alerts["evidence"][0]["transactionId"] == "t2"
    assert before <= result.alerts["detected_at"][0] <= pd.Timestamp.now("UTC")
    assert +result.events == {"pos-events": 3, "staff-shifts": 1}
    assert (result.bad_lines, result.held, result.stores) == (1, 0, 1)
    assert result.bad_reasons == {"transactionId: expected a value, the field is missing": 1}
    assert json.loads((tmp_path / "dead.jsonl").read_text())["offset"] == 5


def test_a_log_a_folder_a_table_and_events_give_equal_alerts(tmp_path):
    events = [pos("REFUND", n * MINUTE, f"t{n}", amount=150.0) for n in range(8)]
    log = log_of(tmp_path / "a.jsonl", events)
    (tmp_path / "pos-events.jsonl").write_bytes(b"".join(codec.encode(event) + b"\n" for event in events))
    frame = pd.DataFrame([json.loads(codec.encode(event)) for event in events])
    foreign = frame.rename(columns={"cashierId": "clerk"}).drop(columns="storeId")
    foreign["eventTime"] = pd.to_datetime(foreign["eventTime"], unit="ms")
    results = [
        ra.replay(source, settings=Settings()).alerts.drop(columns="detected_at")
        for source in (log, tmp_path, frame, events, iter(events))
    ]
    results.append(
        ra.replay(foreign, columns={"cashierId": "clerk"}, constants={"storeId": "s"}).alerts.drop(
            columns="detected_at"
        )
    )
    assert len(results[0]) > 8
    for other in results[1:]:
        pd.testing.assert_frame_equal(results[0], other)


def test_a_result_of_one_counts_in_the_singular(tmp_path, monkeypatch):
    path = log_of(tmp_path / "a.jsonl", [pos("REFUND", 0)])
    assert re.search(r"1 event of 1 store in [\d.]+ s: 1 alert\.", ra.replay(path)._repr_html_())
    path.write_bytes(path.read_bytes() + b"{\n")
    monkeypatch.setenv("RETAIL__DETECTORS__REFUND_WITHOUT_SALE__MATCH_GRACE", "10m")
    page = ra.replay(path, settings=load().settings)._repr_html_()
    assert "1 line could not be read." in page
    assert "1 decision still waiting for time to pass." in page


def test_the_detectors_that_are_named_run():
    events = [pos("REFUND", n, f"t{n}", amount=150.0) for n in range(3)]
    assert set(ra.replay(events).alerts["type"]) >= {"REFUND_BURST", "REFUND_WITHOUT_SALE"}
    assert set(ra.replay(events, detectors=RULES).alerts["type"]) == {"REFUND_BURST", "REFUND_WITHOUT_SALE"}
    assert set(ra.replay(events, detectors=["refund_burst"]).alerts["type"]) == {"REFUND_BURST"}
    with pytest.raises(ra.SettingsError, match="unknown detector"):
        ra.replay(events, detectors=["bursts"])


def trading(at, *stores):
    """Two sales of each store: from its second event on a store counts for the clock."""
    return [pos("SALE", at, f"{store}-{at}-{n}", store) for n in range(2) for store in stores]


def test_a_silent_store_is_ticked_when_most_stores_have_reached_its_due_time(holding):
    run = Replay(holding)
    events = [
        pos("SALE", 0, "t0", "silent"),
        pos("REFUND", 0, "t1", "silent"),
        *trading(10 * MINUTE - 1, "loud", "louder"),
        pos("SALE", 10 * MINUTE, "a", "loud"),
    ]
    assert list(run.alerts(events)) == []
    assert run.held == 1
    (alert,) = run.alerts([pos("SALE", 10 * MINUTE, "b", "louder")])
    assert (alert.store_id, alert.event_time) == ("silent", TIME)
    assert run.held == 0


def test_a_store_whose_clock_is_ahead_releases_nothing_that_others_hold(holding):
    run = Replay(holding)
    events = [*trading(0, "a", "b"), pos("REFUND", MINUTE, "t1", "a"), *trading(50 * MINUTE, "ahead")]
    assert list(run.alerts([*events, pos("SALE", 5 * MINUTE, "t1", "a")])) == []
    assert list(run.alerts([pos("SALE", 12 * MINUTE, "t2", "a")])) == []
    assert run.held == 0


def test_of_two_stores_one_alone_passes_no_time_until_the_other_has_closed(holding):
    run = Replay(holding)
    held = [*trading(0, "a"), pos("REFUND", MINUTE, "t1", "a")]
    alone = [pos("SALE", 50 * MINUTE + n, f"x{n}", "b") for n in range(110)]
    assert list(run.alerts([*held, *alone[:50]])) == []
    assert [alert.store_id for alert in run.alerts(alone[50:])] == ["a"]


def test_shifts_do_not_move_the_time_and_the_end_of_a_log_releases_nothing(holding):
    run = Replay(holding)
    later = [
        ShiftEvent(f"c{n}", store, TIME + 60 * MINUTE, TIME + 61 * MINUTE)
        for n in range(2)
        for store in ("loud", "louder")
    ]
    assert list(run.alerts([pos("REFUND", 0, "t1", "silent"), *later])) == []
    assert run.held == 1


def test_a_tick_looks_for_the_sale_again(holding):
    events = [
        pos("REFUND", 0, "t1", "silent"),
        pos("SALE", -MINUTE, "t1", "silent"),
        *trading(20 * MINUTE, "loud", "louder"),
    ]
    assert list(ra.replay_events(events, holding)) == []


def test_ticks_of_many_stores_come_by_due_time_each_once(holding):
    refunds = [pos("REFUND", n, f"t{n}", f"s{n % 5}") for n in range(20)]
    loud = [event for n in range(1, 30) for event in trading(n * MINUTE, *(f"loud-{i}" for i in range(6)))]
    alerts = list(ra.replay_events(refunds + loud, holding))
    # The tenth minute releases the first refund, the eleventh the others, store by store.
    expected = [0, *range(1, 20, 5), *range(2, 20, 5), *range(3, 20, 5), *range(4, 20, 5), *range(5, 20, 5)]
    assert [alert.evidence["transactionId"] for alert in alerts] == [f"t{n}" for n in expected]


def test_the_same_input_gives_the_same_alerts_but_for_the_clock():
    events = [pos("REFUND", n * MINUTE, f"t{n}", amount=150.0) for n in range(30)]

    def run():
        engine = build_engine(Settings())
        return [msgspec.structs.replace(a, detected_at=None) for a in ra.replay_events(events, engine)]

    assert run() == run() != []


def test_events_are_taken_one_at_a_time():
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield pos("REFUND", taken, f"t{taken}")

    alerts = ra.replay_events(endless(), build_engine(Settings()))
    for _ in range(5):
        next(alerts)
    assert taken == 5


def test_memory_does_not_grow_with_the_input():
    engine = build_engine(Settings())
    run = Replay(engine)

    def day(number):
        start = number * 24 * 60 * MINUTE
        for n in range(500):
            yield CountEvent("s", "k", 5, TIME + start + n * 1_000)

    list(run.alerts(day(0)))
    tracemalloc.start()
    list(run.alerts(event for number in range(1, 40) for event in day(number)))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 50_000


def test_progress_goes_to_standard_error_on_request_only(tmp_path, capsys):
    path = log_of(tmp_path / "a.jsonl", [pos("SALE", n) for n in range(10)])
    ra.replay(path)
    assert capsys.readouterr() == ("", "")
    ra.replay(path, progress=True)
    assert capsys.readouterr().out == ""


def test_nothing_to_read_gives_an_empty_frame():
    result = ra.replay([])
    assert result.alerts.empty
    assert "evidence" in result.alerts
    assert result.events.total() == 0


def test_the_public_names_are_these():
    assert ra.__all__ == [
        *("Alert", "ColumnsError", "CountEvent", "Detector", "Engine", "Event", "Events", "GateData"),
        *("InvalidEvent", "MappingError"),
        *(
            "Parameters",
            "PosEvent",
            "ReplayResult",
            "RetailAnomalyError",
            "Rule",
            "RuleError",
            "Scorecard",
            "SecurityEvent",
            "Settings",
        ),
        *("SettingsError", "ShiftEvent", "SourceError"),
        *("alerts_by_value", "alerts_frame", "build_engine", "check_detector", "compare_alerts"),
        *(
            "data_quality",
            "differing_alerts",
            "drift",
            "enrich",
            "explain",
            "incidents_frame",
            "load",
            "load_settings",
            "match_incidents",
        ),
        *("near_misses", "notify", "plots", "profile", "read_alerts", "read_incidents", "register", "replay"),
        *("replay_events", "rule_needs", "scorecard", "triage"),
    ]
    assert dir(ra) == sorted([*ra.__all__, "__version__"])


def test_what_is_slow_to_import_is_imported_when_it_is_asked_for():
    code = (
        "import sys, retail_anomaly as ra; slow = {'pandas', 'plotly', 'optuna'}; "
        "print(sorted(slow & set(sys.modules)));"
        "print(all(getattr(ra, name) is not None for name in ra.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_names_that_are_not_there_are_told():
    assert callable(ra.replay)
    with pytest.raises(AttributeError, match="no attribute 'replays'"):
        ra.replays  # noqa: B018
    assert ra.load_settings().detectors.refund_burst.window == Duration(10 * MINUTE)


def test_a_year_of_a_shop_is_replayed_whole():
    rows = 50_000
    frame = pd.DataFrame(
        {
            "transactionId": [f"t{n // 5}" for n in range(rows)],
            "storeId": "s",
            "cashierId": [float(n % 40) for n in range(rows)],
            "sku": [f"k{n % 3_000}" for n in range(rows)],
            "amount": 9.5,
            "eventType": "SALE",
            "eventTime": pd.date_range("2025-01-01", periods=rows, freq="10min"),
        }
    )
    assert ra.replay(frame).events["pos-events"] == rows


@pytest.mark.parametrize("inside", [False, True])
def test_dead_letters_never_replace_the_input(inside, tmp_path):
    log = tmp_path / "pos-events.jsonl"
    log.write_text("{}\n")
    source = tmp_path if inside else [log]
    with pytest.raises(UsageError, match=r"dead_letters would overwrite .*pos-events\.jsonl"):
        ra.replay(source, dead_letters=log)
    assert log.read_text() == "{}\n"
