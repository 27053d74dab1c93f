"""The report as it is read: opened from a disk without a network, in a narrow window, on paper."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from retail_anomaly.evaluate import incidents_frame
from retail_anomaly.frames.quality import data_quality
from retail_anomaly.plots import COLOURS, example_alerts
from retail_anomaly.report.alerts_page import write_report
from retail_anomaly.report.scorecard_page import write_scorecard
from tests.support.browser import count_colour, pixels, share_of_ink
from tests.support.figures import ZONE, Month

HOSTILE = "<script>window.harmed = true</script><img src=x onerror='window.harmed = true'>"


@pytest.fixture(scope="module")
def month():
    return Month(stores=3, days=35, volumes=("small",))


@pytest.fixture(scope="module")
def report(month, tmp_path_factory):
    return write_report(
        month.alerts,
        tmp_path_factory.mktemp("report") / "report.html",
        incidents=month.incidents,
        events=month.pos,
        quality=data_quality(month.events, zones=ZONE),
        zones=ZONE,
    )


def overflow(page):
    """Return the pixels by which the page is too wide, and the elements that reach beyond their section."""
    return page.value("document.documentElement.scrollWidth - innerWidth"), page.value(
        "[...document.querySelectorAll('.main-svg, .alert, .tiles')].filter(one => {"
        "const box = one.closest('section, main').getBoundingClientRect();"
        "return one.getBoundingClientRect().right > box.right + 1})"
        ".map(one => one.className.baseVal || one.className)"
    )


def test_it_opens_offline_with_all_its_figures(report, browser):
    with browser.open(report.as_uri(), width=1200) as page:
        page.wait_for_figures(6)
        picture = pixels(page.png(whole=True))
        assert page.errors == []
        assert page.requests == [report.as_uri()]
        assert overflow(page) == (0, [])
    assert share_of_ink(picture) > 0.05
    for colour in (COLOURS["REFUND_BURST"], COLOURS["REFUND_WITHOUT_SALE"], COLOURS["SECURITY_CORRELATION"]):
        assert count_colour(picture, colour) > 500
    # No screen of it is blank.
    assert all(share_of_ink(picture[top : top + 800]) > 0.01 for top in range(0, len(picture) - 800, 800))


def test_on_a_telephone_only_figures_and_tables_scroll_aside(report, browser):
    with browser.open(report.as_uri(), width=390) as page:
        page.wait_for_figures(6)
        wider, beyond = overflow(page)
        assert wider == 0
        assert set(beyond) <= {"main-svg"}
        assert page.errors == []


def test_evidence_is_not_cut_off_on_a_telephone(report, browser):
    with browser.open(report.as_uri(), width=390) as page:
        page.wait_for_figures(6)
        cut = page.value(
            "[...document.querySelectorAll('.alert dd, .alert p, .alert h3, .tiles dd, .controls *')]"
            ".filter(one => one.getBoundingClientRect().right > one.closest('section, .tiles')"
            ".getBoundingClientRect().right || one.scrollWidth > one.clientWidth + 1 && one.clientWidth)"
            ".map(one => one.textContent)"
        )
        assert cut == []


def test_the_tool_bar_stands_beside_the_title(report, browser):
    with browser.open(report.as_uri(), width=1200) as page:
        page.wait_for_figures(6)
        covered = page.value(
            "[...document.querySelectorAll('.js-plotly-plot')].filter(one => {"
            "const bar = one.querySelector('.modebar').getBoundingClientRect();"
            "return [...one.querySelectorAll('.gtitle, .gtitle-subtitle, .legend, .cartesianlayer .plot')]"
            ".some(each => each.getBoundingClientRect().right > bar.left + 1)})"
            ".map(one => one.querySelector('.gtitle').textContent)"
        )
        assert covered == []


def test_all_alerts_are_searched_sorted_filtered_and_downloaded(report, month, browser):
    with browser.open(report.as_uri(), width=1200) as page:
        page.wait_until("document.querySelectorAll('#alert-list tbody tr').length > 0")
        alerts = month.alerts.drop_duplicates("alert_id")
        rows = "document.querySelectorAll('#alert-list tbody tr').length"
        said = "document.querySelector('#alert-list [role=status]').textContent"
        assert page.value(said) == f"{len(alerts):,} alerts"
        assert page.value(rows) == min(len(alerts), 50)

        def choose(control, value):
            page.value(
                f"(() => {{ const label = {json.dumps(control)};"
                "const one = document.querySelector(`#alert-list [aria-label='${label}']`);"
                f"one.value = {json.dumps(value)}; one.dispatchEvent(new Event('input')); }})()"
            )

        store = alerts["store_id"].iloc[0]
        choose("Store", store)
        of_store = int((alerts["store_id"] == store).sum())
        assert page.value(said) == f"{of_store:,} of {len(alerts):,} alerts"
        choose("Store", "")
        choose("Search the alerts", "no such words anywhere")
        assert page.value(rows) == 0
        choose("Search the alerts", "")
        first = "document.querySelector('#alert-list tbody td').textContent"
        page.value("document.querySelector('#alert-list th button').click()")
        oldest = page.value(first)
        page.value("document.querySelector('#alert-list th button').click()")
        assert oldest < page.value(first)
        page.value(
            "URL.createObjectURL = blob => {"
            "blob.text().then(text => { window.saved = text; }); return 'data:,'; }"
        )
        page.value(
            "[...document.querySelectorAll('#alert-list button')]"
            ".find(one => one.textContent.includes('CSV')).click()"
        )
        page.wait_until("window.saved !== undefined")
        assert page.value("window.saved.trim().split('\\r\\n').length") == len(alerts) + 1
        assert page.errors == []


def test_it_prints_with_figures_that_fit_the_paper(report, browser):
    # A4 within the margins of the page, in CSS pixels.
    with browser.open(report.as_uri(), width=1200) as page:
        page.wait_for_figures(6)
        paper = page.pdf()
        page.call("Emulation.setEmulatedMedia", media="print")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=703, height=1010, deviceScaleFactor=1, mobile=False
        )
        page.value("dispatchEvent(new Event('beforeprint'))")
        page.wait_until("[...document.querySelectorAll('.main-svg')].every(one => one.clientWidth == 890)")
        assert overflow(page) == (0, [])
        page.call("Emulation.setEmulatedMedia", media="")
        page.call(
            "Emulation.setDeviceMetricsOverride", width=1200, height=800, deviceScaleFactor=1, mobile=False
        )
        page.value("dispatchEvent(new Event('afterprint'))")
        page.wait_until("[...document.querySelectorAll('.main-svg')].every(one => one.clientWidth > 1000)")
        assert page.errors == []
    assert paper.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 15


def test_what_the_events_say_does_nothing_in_the_page(browser, tmp_path):
    alerts = example_alerts().assign(store_id=HOSTILE, employee_id=HOSTILE, message=HOSTILE, type=HOSTILE)
    alerts["evidence"] = pd.Series([{HOSTILE: HOSTILE, "amount": 5.0}, {"sku": HOSTILE}])
    event = {"store_id": HOSTILE, "cashier_id": HOSTILE, "transaction_id": HOSTILE, "event_type": "REFUND"}
    times = alerts["event_time"]
    events = pd.DataFrame([{**event, "event_time": time, "amount": 5.0} for time in times])
    events = pd.concat([events, events.assign(cashier_id="c-2", event_type="SALE")])
    moment = 1_760_000_000_000
    incident = {
        "incidentId": "i", "scenario": HOSTILE, "storeId": HOSTILE, "start": moment, "end": moment
    }  # fmt: skip
    path = write_report(
        alerts, tmp_path / "report.html", incidents=incidents_frame([incident]), events=events, title=HOSTILE
    )
    with browser.open(path.as_uri()) as page:
        page.wait_for_figures(4)
        assert page.value("window.harmed") is None
        assert page.value("document.querySelectorAll('img').length") == 0
        assert page.value("document.body.innerText").count("<script>window.harmed") > 5
        assert page.errors == []
        assert page.requests == [path.as_uri()]


def test_the_scorecard_opens_offline_with_all_its_figures(month, browser, tmp_path):
    path = write_scorecard(month.card, tmp_path / "card.html")
    with browser.open(path.as_uri(), width=1200) as page:
        page.wait_for_figures(6)
        assert share_of_ink(pixels(page.png(whole=True))) > 0.05
        assert page.errors == []
        assert page.requests == [path.as_uri()]
        assert overflow(page) == (0, [])
