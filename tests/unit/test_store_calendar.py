"""Days and hours of stores whose summer time begins at midnight, and of half-hour zones."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

import retail_anomaly as ra
from retail_anomaly.cli import main
from retail_anomaly.core.events import PosEvent
from retail_anomaly.frames.alerts import example_alerts
from retail_anomaly.frames.store_calendar import days_on_clock, hours_of_days, midnight
from retail_anomaly.report.alerts_page import summary, write_report

INPUTS = Path(__file__).parent / "sources" / "inputs"
# The first day of summer time, which has no midnight.
GAPS = {
    "Africa/Cairo": "2025-04-25",
    "America/Santiago": "2025-09-07",
    "America/Havana": "2025-03-09",
    "Asia/Beirut": "2025-03-30",
}


@pytest.mark.parametrize("zone", GAPS)
def test_a_page_has_a_day_without_a_midnight(tmp_path, zone):
    day = pd.Timestamp(GAPS[zone], tz="UTC")
    times = pd.Series([day + pd.Timedelta(hours=12 + 24 * n) for n in range(-20, 2)])
    alerts = pd.concat([example_alerts().head(1)] * len(times), ignore_index=True)
    alerts = alerts.assign(alert_id=[f"a{n}" for n in range(len(times))], event_time=times, opened_at=times)
    page = write_report(alerts, tmp_path / "page.html", zones=zone)
    assert page.stat().st_size > 1_000
    assert "The last 7 days had 7 alerts, the 7 before 7." in summary(alerts, zones=zone)
    assert days_on_clock(times, zone).nunique() == len(times)
    assert len(hours_of_days(pd.Timestamp(GAPS[zone]), pd.Timestamp(GAPS[zone]), zone)) == 23
    first = pd.Timestamp(midnight(pd.Timestamp(GAPS[zone]).date(), zone), unit="ms", tz="UTC").tz_convert(
        zone
    )
    assert (first.day, first.hour) == (pd.Timestamp(GAPS[zone]).day, 1)


@pytest.mark.parametrize("name", ["store_day_Africa_Cairo", "store_day_America_Santiago"])
def test_the_command_writes_the_page_of_a_reported_log(tmp_path, name):
    log, config = str(INPUTS / f"{name}.jsonl"), str(INPUTS / f"{name}.yaml")
    alerts, page = str(tmp_path / "alerts.jsonl"), str(tmp_path / "page.html")
    assert main(["replay", log, "--config", config, "--output", alerts]) == 0
    assert main(["report", "--alerts", alerts, "--events", log, "--config", config, "--output", page]) == 0


def test_weeks_over_the_beginning_of_summer_time_are_seven_days_each(tmp_path):
    log, config = str(INPUTS / "trend_over_summer_time.jsonl"), str(INPUTS / "trend_Europe_Berlin.yaml")
    alerts, page = str(tmp_path / "alerts.jsonl"), str(tmp_path / "page.html")
    main(["replay", log, "--config", config, "--output", alerts])
    assert main(["report", "--alerts", alerts, "--config", config, "--output", page]) == 0
    assert "The last 7 days had 7 alerts, the 7 before 11." in Path(page).read_text("utf-8")


@pytest.mark.parametrize(
    "zone", ["Asia/Kolkata", "Asia/Kathmandu", "Australia/Adelaide", "America/St_Johns", "UTC"]
)
def test_an_hour_without_a_sale_is_seen_in_every_zone(zone):
    days = pd.date_range("2025-06-02", periods=8, freq="7D")
    shown = [
        day + pd.Timedelta(hours=hour, minutes=5 * n)
        for day in days
        for hour in (10, 11, 12)
        for n in range(12)
    ]
    closed = days[-1] + pd.Timedelta(hours=11)
    shown = [time for time in shown if not closed <= time < closed + pd.Timedelta(hours=1)]
    events = [
        PosEvent(f"t{n}", "s", "c", "k", 1.0, "SALE", int(time.tz_localize(zone).timestamp() * 1000))
        for n, time in enumerate(shown)
    ]
    found = ra.data_quality(events, zones=zone).set_index("check").loc["busy hour without a sale"]
    assert (found["count"], found["example"]) == (1, "s: Monday 2025-07-21 11:00")


def test_the_hour_that_the_clock_skips_is_no_outage():
    # Two sales in each quarter hour, round the clock, over the night in which summer time begins.
    start, end = (
        int(pd.Timestamp(day, tz="Europe/Berlin").timestamp()) for day in ("2025-03-02", "2025-04-07")
    )
    events = [
        PosEvent(f"t{time}", "s", "c", "k", 1.0, "SALE", time * 1000) for time in range(start, end, 450)
    ]
    found = ra.data_quality(events, zones="Europe/Berlin").set_index("check")
    assert found.loc["busy hour without a sale", "count"] == 0
    assert json.dumps(found.loc["store-day without a sale", "example"]) == '""'
