"""The report: one HTML page that opens offline and needs nothing beside itself."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Final

import pandas as pd

from retail_anomaly import plots
from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.core.quantities import plural
from retail_anomaly.evaluate import match_incidents
from retail_anomaly.frames.alerts import named_employees
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.confidence import confidence_of
from retail_anomaly.frames.events import AnyEvents
from retail_anomaly.frames.evidence import money_once
from retail_anomaly.frames.shown_times import Zones, common_zone, day_text, zone_of
from retail_anomaly.frames.store_calendar import days_on_clock
from retail_anomaly.frames.words import label_of
from retail_anomaly.report.alert_list import alert_list
from retail_anomaly.report.evidence import top_alerts
from retail_anomaly.report.html import figure, section, write_page
from retail_anomaly.report.learned_part import learned_part
from retail_anomaly.report.tables import (
    HIGH_RISK,
    employees_table,
    incidents_table,
    quality_table,
    refunds_table,
    stores_table,
)

# Limits that keep a figure readable and the page near 6 MB, of which Plotly takes four fifths.
MOST_ALERTS: Final = 1_000
MOST_STORES: Final = 30
_WEEK: Final = 7


def write_report(  # noqa: PLR0913 - by name only
    alerts: pd.DataFrame,
    path: Path | str,
    *,
    incidents: pd.DataFrame | None = None,
    book: CaseBook | None = None,
    events: AnyEvents | None = None,
    quality: pd.DataFrame | None = None,
    refunds: pd.DataFrame | None = None,
    remarks: Sequence[str] = (),
    facts: Mapping[str, str] | None = None,
    title: str = "Alerts",
    zones: Zones = "UTC",
) -> Path:
    """Write one HTML page about alerts.

    Parameters
    ----------
    alerts
        Alerts, as `replay` returns them; none is fine.
    path
        The page to write; a file of that name is replaced.
    incidents
        Known incidents, as `read_incidents` returns them: the page then lists those found and missed.
    book
        The cases of the alerts, as `triage` returns them with the decisions: the page then says what the
        verdicts taught.
    events
        Any source of events, or POS events as `pos_frame` returns them: the page then has the sales behind
        the alerts, alerts per store-day, and each employee's receipts and refunds beside the peers'.
    quality
        The checks of the events, as `data_quality` returns them.
    refunds
        Each refund beside its receipt, as `retail_anomaly.evaluate.refund_cover` returns them: the page then
        counts those that could not be judged, by reason.
    remarks
        Sentences about the data, as `Events.summary` and a replay have them.
    facts
        More to say at the top, for example ``{"Events": "5,110"}``.
    title
        Heading of the page.
    zones
        Time zone of the stores.

    Returns
    -------
    pathlib.Path
        The page.

    Examples
    --------
    >>> import tempfile
    >>> from retail_anomaly.plots import example_alerts
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(example_alerts(), Path(folder) / "report.html").read_text("utf-8")
    >>> "2 alerts in 1 store" in page, "<script src" in page
    (True, False)
    """
    events = None if events is None else plots.pos_frame(events, zones=zones)
    if events is not None:
        expect_columns(events, ("store_id", "event_time", "event_type", "amount"), "events")
    shown = plots.last_revisions(alerts)
    shown = confidence_of(shown).assign(money=money_once(shown))
    matched = None
    if incidents is not None:
        matched = match_incidents(alerts, incidents).query("not distractor")
    days = None if events is None else _store_days(events, zones)
    sections = [section("When and where", _timeline(shown, events, zones))]
    if matched is not None:
        sections.append(section("Found and injected", incidents_table(matched, zones)))
    if book is not None:
        sections.append(section("What we learned", learned_part(book), kind="long"))
    if len(shown):
        sections.append(section("Where to look first", top_alerts(shown, zones), kind="long"))
        sections.append(section("All alerts", alert_list(shown, zones), kind="long"))
        sections.append(section("By store", _stores(shown, days), kind="long"))
        if shown["employee_id"].notna().any():
            sections.append(section("By employee", _employees(shown, events), kind="long"))
        sections.append(section("By day and hour", _by_time(shown, zones), kind="long"))
    if refunds is not None and len(refunds):
        sections.append(section("Refunds and their receipts", refunds_table(refunds), kind="long"))
    if quality is not None or remarks:
        said = "\n".join(html_paragraph(remark) for remark in remarks)
        checked = "" if quality is None else quality_table(quality)
        sections.append(section("Data quality", said + checked, kind="long"))
    return write_page(
        path,
        title=title,
        summary=" ".join(summary(shown, matched, zones)),
        facts={**_facts(shown, matched, days), **(facts or {})},
        sections=sections,
        footer=_footer(shown),
    )


def summary(alerts: pd.DataFrame, matched: pd.DataFrame | None = None, zones: Zones = "UTC") -> list[str]:
    """Summarise the alerts in sentences.

    Parameters
    ----------
    alerts
        Alerts, as `last_revisions` returns them.
    matched
        Incidents, as `match_incidents` returns them.
    zones
        Time zone of the stores.

    Examples
    --------
    >>> from retail_anomaly.plots import example_alerts
    >>> summary(example_alerts())
    ['2 alerts in 1 store about 1 employee, on Thursday 9 October 2025.']
    """
    if alerts.empty:
        lines = ["No alerts."]
    else:
        stores, employees = alerts["store_id"].nunique(), named_employees(alerts)
        about = f" about {plural(employees, 'employee')}" if employees else ""
        lines = [
            f"{plural(len(alerts), 'alert')} in {plural(stores, 'store')}{about}, {_period(alerts, zones)}."
        ]
        if kind := _most(alerts["type"]):
            lines.append(f"The most frequent type is {label_of(kind[0]).lower()} ({kind[1]:,}).")
        if where := _most(alerts["store_id"]):
            lines.append(f"With {plural(where[1], 'alert')}, {where[0]} has the most.")
        if trend := _trend(alerts, zones):
            lines.append(trend)
    if matched is not None:
        found = int(matched["found"].sum())
        verb = "was" if found == 1 else "were"
        lines.append(f"Of {plural(len(matched), 'injected incident')}, {found:,} {verb} found.")
    return lines


def _most(names: pd.Series) -> tuple[str, int] | None:
    """Return the most frequent name and its count, unless it shares the place or is the only one."""
    counts = names.value_counts()
    if len(counts) < 2 or counts.iloc[0] == counts.iloc[1]:
        return None
    return str(counts.index[0]), int(counts.iloc[0])


def _trend(alerts: pd.DataFrame, zones: Zones) -> str | None:
    """Return how the last week compares with the one before, where there are two."""
    zone = common_zone(alerts["store_id"], zones)
    days = days_on_clock(alerts["event_time"], zone)
    back = (days.max() - days).dt.days
    if back.max() < 2 * _WEEK - 1:
        return None
    last, before = int((back < _WEEK).sum()), int(back.between(_WEEK, 2 * _WEEK - 1).sum())
    return f"The last {_WEEK} days had {plural(last, 'alert')}, the {_WEEK} before {before:,}."


def _period(alerts: pd.DataFrame, zones: Zones) -> str:
    zone = common_zone(alerts["store_id"], zones)
    first, last = (time.tz_convert(zone) for time in alerts["event_time"].iloc[[0, -1]])
    if first.date() == last.date():
        return f"on {day_text(first)}"
    return f"from {day_text(first)} to {day_text(last)}"


def _facts(
    shown: pd.DataFrame, matched: pd.DataFrame | None, days: "pd.Series[int] | None"
) -> dict[str, str]:
    facts = {"Alerts": f"{len(shown):,}"}
    facts[f"Risk {HIGH_RISK} or more"] = f"{int((shown['risk_score'] >= HIGH_RISK).sum()):,}"
    facts["Money in question"] = f"{shown['money'].sum():,.2f}"
    facts["Expected loss"] = f"{(shown['confidence'] * shown['money']).sum():,.2f}"
    if days is not None and days.sum():
        facts["Alerts per store-day"] = f"{len(shown) / int(days.sum()):,.2f}"
    if matched is not None:
        facts["Incidents found"] = f"{int(matched['found'].sum()):,} of {len(matched):,}"
    return facts


def _store_days(events: pd.DataFrame, zones: Zones) -> "pd.Series[int]":
    """Return the number of local days on which each store had events."""
    days = {
        str(store): int(days_on_clock(times, zone_of(str(store), zones)).nunique())
        for store, times in events.groupby("store_id", observed=True)["event_time"]
    }
    return pd.Series(days, dtype="int64")


def _timeline(shown: pd.DataFrame, events: pd.DataFrame | None, zones: Zones) -> str:
    """Draw the alerts over the sales, up to a number that stays readable."""
    stores = list(shown["store_id"].value_counts().index)
    if events is not None:
        traded = events["store_id"].value_counts().index
        stores += [str(store) for store in traded if store not in set(stores)]
    drawn = shown[shown["store_id"].isin(stores[:MOST_STORES])]
    surest = drawn.nlargest(MOST_ALERTS, "confidence", keep="first")
    if events is not None:
        events = events[events["store_id"].isin(stores[:MOST_STORES])]
    notes = []
    if len(stores) > MOST_STORES:
        notes.append(f"Drawn are the {MOST_STORES} stores with the most alerts, of {len(stores):,}.")
    if len(surest) < len(drawn):
        notes.append(f"Drawn are the {MOST_ALERTS:,} alerts of the highest confidence, of {len(drawn):,}.")
    note = f'<p class="note">{escape(" ".join(notes))}</p>' if notes else ""
    return note + figure(plots.timeline(surest, events, zones=zones))


def _stores(shown: pd.DataFrame, days: "pd.Series[int] | None") -> str:
    kept = shown["store_id"].value_counts().index[:MOST_STORES]
    drawing = figure(plots.alert_counts(shown[shown["store_id"].isin(kept)])) if len(kept) > 1 else ""
    return drawing + stores_table(shown, days)


def _employees(shown: pd.DataFrame, events: pd.DataFrame | None) -> str:
    parts = []
    if shown["money"].sum() > 0:
        parts.append(figure(plots.pareto(shown)))
    if events is not None and len(events):
        parts.append(figure(plots.cashier_ladder(events, shown)))
    return "".join([*parts, employees_table(shown, events)])


def _by_time(shown: pd.DataFrame, zones: Zones) -> str:
    hours = figure(plots.alert_hours(shown, zones=zones, most=MOST_STORES))
    zone = common_zone(shown["store_id"], zones)
    if days_on_clock(shown["event_time"], zone).nunique() == 1:
        return hours
    return figure(plots.alert_trend(shown, zones=zones)) + hours


def _footer(shown: pd.DataFrame) -> str:
    text = (
        "Each alert counts once, as its last revision has it. The money in question counts each transaction "
        "once, however many alerts cite it; the expected loss weighs it with the confidence: the share of "
        "such alerts that were right. Times are on the clock of the store."
    )
    if "config_hash" in shown and len(shown):
        pairs = shown[["detector", "config_hash"]].drop_duplicates().sort_values("detector")
        text += " Parameters: " + ", ".join(f"{name} {digest}" for name, digest in pairs.to_numpy()) + "."
    return text
