"""The report: one HTML page that opens offline and needs nothing beside itself."""

from collections.abc import Hashable, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import pandas as pd

from retail_anomaly.evaluate import match_incidents
from retail_anomaly.plots import alert_counts, last_revisions, timeline
from retail_anomaly.plots.style import colour_of, types_in_order
from retail_anomaly.plots.table import in_order
from retail_anomaly.plots.words import (
    Zones,
    at_stake,
    common_zone,
    day_text,
    evidence_items,
    label_of,
    local_text,
    plural,
    who,
    zone_of,
)
from retail_anomaly.report.html import figure, section, table, write_page

TOP: Final = 10
HIGH_RISK: Final = 0.9
LONG: Final = 34  # characters that still fit one column of the evidence


def write_report(
    alerts: pd.DataFrame,
    path: Path | str,
    *,
    incidents: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
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
        Where to; a file of that name is replaced.
    incidents
        The truth, as `read_incidents` returns it: the page then says what was found.
    events
        POS events, to draw the sales behind the alerts; see `timeline`.
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
    shown = last_revisions(alerts)
    matched = None
    if incidents is not None:
        matched = match_incidents(alerts, incidents).query("not distractor")
    sections = [figure(timeline(shown, events, zones=zones))]
    if len(shown):
        sections += [
            section("Where to look first", _top_alerts(shown, zones), kind="long"),
            figure(alert_counts(shown)),
            section("Alerts by type and store", _counts(shown)),
        ]
    if matched is not None:
        sections.insert(1, section("Found and injected", _incidents(matched, zones)))
    return write_page(
        path,
        title=title,
        summary=" ".join(summary(shown, matched, zones)),
        facts={**_facts(shown, matched), **(facts or {})},
        sections=sections,
        footer=_footer(shown),
    )


def summary(alerts: pd.DataFrame, matched: pd.DataFrame | None = None, zones: Zones = "UTC") -> list[str]:
    """Return what the alerts say, in sentences.

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
        stores, employees = alerts["store_id"].nunique(), alerts["employee_id"].nunique()
        about = f" about {plural(employees, 'employee')}" if employees else ""
        lines = [
            f"{plural(len(alerts), 'alert')} in {plural(stores, 'store')}{about}, {_period(alerts, zones)}."
        ]
        if kind := _most(alerts["type"]):
            lines.append(f"The most frequent type is {label_of(kind[0]).lower()} ({kind[1]:,}).")
        if where := _most(alerts["store_id"]):
            lines.append(f"With {where[1]:,} alerts, {where[0]} has the most.")
    if matched is not None:
        found = int(matched["found"].sum())
        lines.append(
            f"Of {plural(len(matched), 'injected incident')}, {found:,} {'was' if found == 1 else 'were'} found."
        )
    return lines


def _most(names: pd.Series) -> tuple[str, int] | None:
    """Return the most frequent name and its count, unless it shares the place or is the only one."""
    counts = names.value_counts()
    if len(counts) < 2 or counts.iloc[0] == counts.iloc[1]:
        return None
    return str(counts.index[0]), int(counts.iloc[0])


def _period(alerts: pd.DataFrame, zones: Zones) -> str:
    zone = common_zone(alerts["store_id"], zones)
    first, last = (time.tz_convert(zone) for time in alerts["event_time"].iloc[[0, -1]])
    if first.date() == last.date():
        return f"on {day_text(first)}"
    return f"from {day_text(first)} to {day_text(last)}"


def _facts(shown: pd.DataFrame, matched: pd.DataFrame | None) -> dict[str, str]:
    facts = {"Alerts": f"{len(shown):,}"}
    facts[f"Risk {HIGH_RISK} or more"] = f"{int((shown['risk_score'] >= HIGH_RISK).sum()):,}"
    money = sum(at_stake(evidence) or 0 for evidence in shown["evidence"])
    facts["Money in question"] = f"{money:,.2f}"
    if matched is not None:
        facts["Incidents found"] = f"{int(matched['found'].sum()):,} of {len(matched):,}"
    return facts


def _top_alerts(shown: pd.DataFrame, zones: Zones) -> str:
    """Show the alerts of the highest risk, then of the most money, with all their evidence."""
    ranked = shown.assign(money=[at_stake(evidence) or 0.0 for evidence in shown["evidence"]])
    ranked = ranked.sort_values(["risk_score", "money"], ascending=False, kind="stable")
    note = ""
    if len(ranked) > TOP:
        note = f'<p class="note">The {TOP} of highest risk, of {len(ranked):,}; of equal risk those with the most money first.</p>'
    return note + "".join(_alert(alert, zones) for alert in ranked.head(TOP).to_dict("records"))


def _alert(alert: Mapping[Hashable, Any], zones: Zones) -> str:
    zone = zone_of(alert["store_id"], zones)
    items = evidence_items(alert["evidence"], zone)
    evidence = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in items)
    revised = f", revision {alert['revision']}" if alert["revision"] > 1 else ""
    return (
        f'<article class="alert" style="--colour: {colour_of(alert["type"])}">'
        f"<h3><b>{escape(label_of(alert['type']))}</b> · risk {alert['risk_score']:.2f}{revised} · "
        f"{escape(who(alert))} · {escape(local_text(alert['event_time'], zone))}</h3>"
        f"<p>{escape(alert['message'])}</p><dl>{evidence}</dl></article>"
    )


def _counts(shown: pd.DataFrame) -> str:
    types, stores = types_in_order(set(shown["type"])), in_order(set(shown["store_id"]))
    counts = shown.groupby(["store_id", "type"]).size()
    rows = [
        [
            store,
            *(f"{counts.get((store, name), 0):,}" for name in types),
            f"{(shown['store_id'] == store).sum():,}",
        ]
        for store in stores
    ]
    if len(stores) > 1:
        rows.append(["All", *(f"{(shown['type'] == name).sum():,}" for name in types), f"{len(shown):,}"])
    return table(["Store", *map(label_of, types), "All"], rows, numbers=range(1, len(types) + 2))


def _incidents(matched: pd.DataFrame, zones: Zones) -> str:
    rows = [
        [
            label_of(str(name)),
            f"{len(group):,}",
            f"{group['found'].sum():,}",
            f"{group['expected_loss'].sum():,.2f}",
        ]
        for name, group in matched.groupby("scenario", sort=False)
    ]
    found = table(["Scenario", "Injected", "Found", "Expected loss"], rows, numbers=range(1, 4))
    missed = matched[~matched["found"]]
    if missed.empty:
        return f'<p class="found">Every injected incident was found.</p>{found}'
    missing = table(
        ["Not found", "Store", "Employee", "From", "To"],
        [
            [
                label_of(row["scenario"]),
                row["store_id"],
                row["employee_id"] if isinstance(row["employee_id"], str) else "",
                *(local_text(row[name], zone_of(row["store_id"], zones)) for name in ("start", "end")),
            ]
            for row in missed.head(100).to_dict("records")
        ],
    )
    return f'<p class="missed">{plural(len(missed), "injected incident")} not found.</p>{found}{missing}'


def _footer(shown: pd.DataFrame) -> str:
    text = "Each alert counts once, as its last revision has it."
    if "config_hash" in shown and len(shown):
        pairs = shown[["detector", "config_hash"]].drop_duplicates().sort_values("detector")
        text += " Parameters: " + ", ".join(f"{name} {digest}" for name, digest in pairs.to_numpy()) + "."
    return text
