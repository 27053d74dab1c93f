"""Each function that takes events takes any source of them: the same result, or one line about the fault."""

from __future__ import annotations

import json
import re
from typing import Any

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly import plots
from retail_anomaly.evaluate.covered_refunds import refund_cover
from retail_anomaly.frames.receipts_around import receipts_around
from retail_anomaly.report.alerts_page import write_report
from retail_anomaly.tune import tune

TIME = 1_760_000_000_000
ROWS: list[dict[str, Any]] = [
    {"transactionId": f"t{n}", "storeId": "s", "cashierId": "ab"[n % 2], "sku": "k", "amount": 120.0 + n,
     "eventType": "REFUND" if n % 4 == 3 else "SALE", "eventTime": TIME + n * 120_000}
    for n in range(24)
]  # fmt: skip
FRAME = pd.DataFrame(ROWS)
COUNTS: list[dict[str, Any]] = [
    {"storeId": "s", "sku": "k", "countedQty": n, "eventTime": TIME - n} for n in (20, 9)
]
ALERTS = ra.replay(FRAME, progress=False).alerts
ALERT: dict[Any, Any] = ALERTS.iloc[-1].to_dict()


def drawn(figure) -> Any:
    """Return a figure as values that can be compared."""
    return None if figure is None else figure.to_json()


def kept(frame: pd.DataFrame) -> Any:
    """Return the cells of a frame."""
    return frame.to_json(date_format="iso", orient="split")


def tuned(events) -> Any:
    """Return what tuning says of a log of one day."""
    with pytest.raises(ra.RetailAnomalyError) as caught:
        tune(events, pd.DataFrame(), budget=1)
    if isinstance(caught.value, ra.SourceError):
        raise caught.value
    return str(caught.value)


def page(events, folder) -> str:
    """Return the page of a report, without the names that Plotly draws at random."""
    written = write_report(ALERTS, folder / "page.html", events=events).read_text("utf-8")
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "", written)


FUNCTIONS: dict[str, Any] = {
    "replay": lambda events, _: kept(ra.replay(events, progress=False).alerts.drop(columns="detected_at")),
    "load": lambda events, _: list(ra.load(events)),
    "data_quality": lambda events, _: kept(ra.data_quality(events)),
    "near_misses": lambda events, _: kept(
        ra.near_misses(events, "refund_burst", count=2).drop(columns="detected_at")
    ),
    "alerts_by_value": lambda events, _: kept(ra.alerts_by_value(events, "refund_burst", "count", [2, 3])),
    "enrich": lambda events, _: kept(ra.enrich(events)),
    "explain": lambda events, _: str(ra.explain("t3", events)),
    "profile": lambda events, _: ra.profile(events, store_id="s").summary,
    "drift": lambda events, _: ra.drift(events).lines(),
    "rule_needs": lambda events, _: kept(ra.rule_needs(events)),
    "refund_cover": lambda events, _: kept(refund_cover(events)),
    "tune": lambda events, _: tuned(events),
    "receipts_around": lambda events, _: kept(receipts_around(ALERT, events)),
    "pos_frame": lambda events, _: kept(plots.pos_frame(events)),
    "sales_by_hour": lambda events, _: drawn(plots.sales_by_hour(events)),
    "sales_by_day": lambda events, _: drawn(plots.sales_by_day(events)),
    "refund_shares": lambda events, _: drawn(plots.refund_shares(events)),
    "cashier_ladder": lambda events, _: drawn(plots.cashier_ladder(events)),
    "refunds_over_time": lambda events, _: drawn(
        plots.refunds_over_time(events, store_id="s", employee_id="a")
    ),
    "timeline": lambda events, _: drawn(plots.timeline(ALERTS, events)),
    "refund_window": lambda events, _: drawn(plots.refund_window(ALERT, events)),
    "evidence_figure": lambda events, _: drawn(plots.evidence_figure(ALERT, events)),
    "stock_walk": lambda events, _: drawn(plots.stock_walk(events, COUNTS, store_id="s", sku="k")),
}


def written(folder, frame):
    """Return the path of a table."""
    frame.to_csv(folder / "tills.csv", index=False)
    return folder / "tills.csv"


def polars(rows) -> Any:
    """Return rows as a frame of polars."""
    return pytest.importorskip("polars").DataFrame(rows)


def arrow(rows) -> Any:
    """Return rows as a table of Arrow."""
    return pytest.importorskip("pyarrow").Table.from_pylist(rows)


SOURCES: dict[str, Any] = {
    "a frame": lambda _: FRAME,
    "a frame of polars": lambda _: polars(ROWS),
    "a lazy frame of polars": lambda _: polars(ROWS).lazy(),
    "a table of Arrow": lambda _: arrow(ROWS),
    "a path": lambda folder: written(folder, FRAME),
    "a path as text": lambda folder: str(written(folder, FRAME)),
    "loaded events": lambda _: ra.load(FRAME),
    "typed events": lambda _: list(ra.load(FRAME)),
    "an iterator of dicts": lambda _: iter(ROWS),
    "an iterator of typed events": lambda _: iter(list(ra.load(FRAME))),
    "an iterator of frames": lambda _: iter([FRAME[:9], FRAME[9:]]),
}


@pytest.fixture(scope="module")
def of_dicts(tmp_path_factory) -> Any:
    """What each function makes of the rows as a list of dicts."""
    folder = tmp_path_factory.mktemp("page")
    return {name: function(ROWS, folder) for name, function in FUNCTIONS.items()}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("source", SOURCES)
def test_each_form_of_a_source_gives_the_same_result(tmp_path, of_dicts, function, source):
    assert FUNCTIONS[function](SOURCES[source](tmp_path), tmp_path) == of_dicts[function]


NOTHING: dict[str, Any] = {
    "a frame without rows": lambda _: FRAME[:0],
    "a frame of polars without rows": lambda _: polars(ROWS)[:0],
    "a table of Arrow without rows": lambda _: arrow(ROWS)[:0],
    "loaded events": lambda _: ra.load([]),
    "an iterator": lambda _: iter([]),
}


def outcome(function, source, folder) -> Any:
    """Return the result, or the error as text."""
    try:
        return function(source, folder)
    except ra.RetailAnomalyError as error:
        return str(error)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("source", NOTHING)
def test_no_events_are_the_same_in_each_form(tmp_path, function, source):
    none = outcome(FUNCTIONS[function], [], tmp_path)
    assert outcome(FUNCTIONS[function], NOTHING[source](tmp_path), tmp_path) == none
    assert "\n" not in str(none) or isinstance(none, list)


WRONG: dict[str, tuple[Any, str]] = {
    "an empty frame": (lambda _: pd.DataFrame(), "no column for|columns are missing"),
    "an empty frame of polars": (lambda _: polars([]), "no column for"),
    "a frame that lacks a column": (lambda _: FRAME.drop(columns="storeId"), "no column for storeId"),
    "a frame of polars that lacks a column": (
        lambda _: polars(ROWS).drop("eventTime"), "no column for eventTime"),
    "a list of dicts that lacks a column": (
        lambda _: [{"storeId": "s", "eventTime": TIME}], "no column for transactionId"),
    "a table that lacks a column": (
        lambda folder: written(folder, FRAME.drop(columns="eventType")), "no column for eventType"),
    "a frame with other names": (lambda _: pd.DataFrame({"shop": ["s"]}), "no column for|ra.load"),
    "unreadable rows": (lambda _: FRAME.assign(eventTime="soon"), 'no event can be read, all 24 lines'),
    "a path to nothing": (lambda folder: folder / "none.csv", "no such file"),
    "a number": (lambda _: 5, "no source, but a value of the type int"),
}  # fmt: skip


@pytest.mark.parametrize("source", ["a lazy frame of polars", "an iterator of dicts"])
def test_a_page_of_a_source_is_that_of_its_events(tmp_path, source):
    assert page(SOURCES[source](tmp_path), tmp_path) == page(list(ra.load(ROWS)), tmp_path)


@pytest.mark.parametrize("function", [*FUNCTIONS, "write_report"])
@pytest.mark.parametrize("source", WRONG)
def test_a_source_that_is_no_events_is_one_line(tmp_path, function, source):
    make, said = WRONG[source]
    with pytest.raises(ra.RetailAnomalyError, match=said) as caught:
        {**FUNCTIONS, "write_report": page}[function](make(tmp_path), tmp_path)
    assert "\n" not in str(caught.value)


DRAWINGS = [name for name in FUNCTIONS if name in plots.__all__]


@pytest.mark.parametrize("function", DRAWINGS)
def test_a_figure_takes_a_frame_of_pos_frame_in_any_zone(tmp_path, of_dicts, function):
    lines = plots.pos_frame(FRAME)
    local = lines.assign(event_time=lines["event_time"].dt.tz_convert("Asia/Kolkata"))
    assert FUNCTIONS[function](lines, tmp_path) == of_dicts[function]
    assert FUNCTIONS[function](local, tmp_path) == of_dicts[function]


@pytest.mark.parametrize("function", DRAWINGS)
@pytest.mark.parametrize("times", ["2025-10-09 08:53:20", pd.Timestamp("2025-10-09"), TIME], ids=str)
def test_a_frame_whose_times_have_no_zone_is_one_line(tmp_path, function, times):
    with pytest.raises(ra.RetailAnomalyError, match="event_time: expected timestamps with a time zone"):
        FUNCTIONS[function](plots.pos_frame(FRAME).assign(event_time=times), tmp_path)


@pytest.mark.parametrize("of_many", [list, pd.DataFrame, polars], ids=["dicts", "pandas", "polars"])
def test_rows_of_counts_and_movements_need_no_word_about_their_topic(of_many):
    counts, moved = plots.count_frame(of_many(COUNTS)), [{**COUNTS[0], "quantity": -3}]
    assert counts["counted_qty"].tolist() == [20, 9]
    assert plots.movement_frame(of_many(moved))["quantity"].tolist() == [-3]


def test_a_counted_article_is_drawn_from_an_event_log(tmp_path):
    events = [*ra.load(ROWS), *ra.load(COUNTS, topic="inventory-counts")]
    topics = ["pos-events"] * len(ROWS) + ["inventory-counts"] * len(COUNTS)
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(
            json.dumps({"topic": t, "value": v}) + "\n" for t, v in zip(topics, ROWS + COUNTS, strict=True)
        )
    )
    alert = {**ALERT, "type": "SHRINKAGE", "evidence": {"sku": "k", "counted": 9}}
    expected = drawn(plots.evidence_figure(alert, events))
    assert drawn(plots.evidence_figure(alert, path)) == expected
    assert drawn(plots.evidence_figure(alert, iter(events))) == expected


def test_times_without_a_zone_are_drawn_on_the_clock_of_the_store():
    rows = pd.DataFrame([{**ROWS[0], "eventTime": "2025-10-09 10:30"}])
    figure = plots.sales_by_hour(rows, zones="Asia/Kolkata")
    assert "Thursday from 10 to 11 h" in str(figure.layout.title.text)
