"""The tables of the report: incidents, stores, employees, data quality."""

from collections.abc import Sequence
from math import isnan
from typing import Any, Final

import pandas as pd

from retail_anomaly.core.quantities import plural
from retail_anomaly.core.undecided import WHY_UNDECIDED
from retail_anomaly.frames.events import receipts_by
from retail_anomaly.frames.shown_times import Zones, local_text, zone_of
from retail_anomaly.frames.words import label_of, natural_order, percent
from retail_anomaly.plots.style import type_counts_text, types_in_order
from retail_anomaly.report.html import table

MOST_ROWS: Final = 30
_MOST_MISSED: Final = 15
HIGH_RISK: Final = 0.9
_VERDICTS: Final = {
    "covered": "Covered by the receipt",
    "in question": "Not covered by the receipt: an alert",
    "exempt": "Of an exempt article",
} | {reason: f"Not judged: {why}" for reason, why in WHY_UNDECIDED.items()}


def incidents_table(matched: pd.DataFrame, zones: Zones) -> str:
    """Return the injected incidents and those found, as HTML.

    Parameters
    ----------
    matched
        Incidents, as `match_incidents` returns them.
    zones
        Time zone of the stores.
    """
    rows = [
        [
            label_of(str(name)),
            f"{len(group):,}",
            f"{group['found'].sum():,}",
            f"{group['expected_loss'].sum():,.2f}",
        ]
        for name, group in matched.groupby("scenario", sort=False)
    ]
    heads = ("Scenario", "Injected", "Found", "Loss")
    found = table(
        heads, rows, range(1, 4), caption="Injected incidents by scenario, money in the store's currency"
    )
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
            for row in missed.head(_MOST_MISSED).to_dict("records")
        ],
        caption="Incidents that no alert is about" + _cut(len(missed), "the first", _MOST_MISSED),
    )
    return f'<p class="missed">{plural(len(missed), "injected incident")} not found.</p>{found}{missing}'


def refunds_table(refunds: pd.DataFrame) -> str:
    """Return how many refund lines a receipt covers, and why the others could not be judged, as HTML.

    Parameters
    ----------
    refunds
        One row a REFUND line, as `retail_anomaly.evaluate.refund_cover` returns them.

    Examples
    --------
    >>> lines = pd.DataFrame({"verdict": ["covered", "young log"], "amount": [9.0, 5.0], "loss": [0.0, 0.0]})
    >>> "the receipt may be older than the log" in refunds_table(lines)
    True
    """
    sums = refunds.groupby("verdict").agg(
        lines=("amount", "size"), amount=("amount", "sum"), loss=("loss", "sum")
    )
    order = [*_VERDICTS, *sorted(set(sums.index) - set(_VERDICTS))]
    rows = [
        [
            _VERDICTS.get(verdict, f"Not judged: {verdict}"),
            f"{sums.loc[verdict, 'lines']:,}",
            percent(float(sums.loc[verdict, "lines"]) / len(refunds)),
            f"{sums.loc[verdict, 'amount']:,.2f}",
            f"{sums.loc[verdict, 'loss']:,.2f}",
        ]
        for verdict in order
        if verdict in sums.index
    ]
    heads = ("Verdict", "Lines", "Share", "Amount", "In question")
    caption = "Refund lines beside their receipts, money in the store's currency"
    return table(heads, rows, range(1, 5), caption=caption)


def stores_table(shown: pd.DataFrame, days: "pd.Series[int] | None") -> str:
    """Return one row a store, as HTML: its alerts by type, those of high risk, the money, the rate.

    Parameters
    ----------
    shown
        Each alert once, with its ``money``, see `retail_anomaly.frames.evidence.money_once`.
    days
        On how many days each store had events; None where that is not known.
    """
    types = types_in_order(set(shown["type"]))
    of_store = shown["store_id"].value_counts()
    stores = sorted(natural_order(of_store.index), key=lambda store: -int(of_store[store]))[:MOST_ROWS]
    groups: list[tuple[str, pd.DataFrame]] = [(name, shown[shown["store_id"] == name]) for name in stores]
    if shown["store_id"].nunique() > 1:
        groups.append(("All", shown))
    heads = ["Store", *map(label_of, types), "Alerts", f"Risk {HIGH_RISK} or more", "Money in question"]
    if days is not None:
        heads.append("Alerts per store-day")
    rows = []
    for name, own in groups:
        counts = own["type"].value_counts()
        row = [name, *(f"{counts.get(each, 0):,}" for each in types), f"{len(own):,}", *_worth(own)]
        if days is not None:
            on = int(days.sum()) if own is shown else int(days.get(name, 0))
            row.append(f"{len(own) / on:,.2f}" if on else "-")
        rows.append(row)
    cut = _cut(shown["store_id"].nunique(), "those with the most alerts")
    return table(heads, rows, range(1, len(heads)), caption=f"Alerts by store and type{cut}")


def employees_table(shown: pd.DataFrame, events: pd.DataFrame | None) -> str:
    """Return one row an employee whom an alert names, as HTML: the most money first.

    Parameters
    ----------
    shown
        Each alert once, with its ``money``, see `retail_anomaly.frames.evidence.money_once`.
    events
        POS events, for receipts and refunds; None where there are none.
    """
    named = shown.dropna(subset="employee_id")
    keys = ["store_id", "employee_id"]
    sums = named.groupby(keys).agg(money=("money", "sum"), alerts=("alert_id", "size"))
    ordered = sums.sort_values(["money", "alerts"], ascending=False, kind="stable")
    heads = ["Employee", "Store", "Which", "Alerts", f"Risk {HIGH_RISK} or more", "Money in question"]
    receipts = None
    if events is not None:
        receipts = receipts_by(events, ["store_id", "cashier_id"]).set_index(["store_id", "cashier_id"])
        heads += ["Receipts", "Refunds"]
    rows = []
    for store, employee in ordered.index[:MOST_ROWS]:
        own = named[(named["store_id"] == store) & (named["employee_id"] == employee)]
        kinds = type_counts_text(own["type"])
        row = [employee, store, kinds, f"{len(own):,}", *_worth(own)]
        if receipts is not None:
            row += _refunds(receipts, (store, employee))
        rows.append(row)
    caption = f"Alerts by employee{_cut(len(ordered), 'those with the most money in question')}"
    return table(heads, rows, range(3, len(heads)), caption=caption)


def quality_table(quality: pd.DataFrame) -> str:
    """Return the failed checks of the events, as HTML.

    Parameters
    ----------
    quality
        As `data_quality` returns it.
    """
    found = quality[quality["count"] > 0]
    passed = [f"{name}" for name in quality.loc[quality["count"] == 0, "check"]]
    nothing = f'<p class="note">Nothing found of: {", ".join(passed)}.</p>' if passed else ""
    if found.empty:
        return f'<p class="found">No check found anything.</p>{nothing}'
    rows = [
        [
            row["check"][:1].upper() + row["check"][1:],
            f"{row['count']:,}",
            f"{row['of']:,}",
            _share(row["share"]),
            row["example"],
            row["matters"],
        ]
        for row in found.to_dict("records")
    ]
    heads = ["Check", "Found", "Of", "Share", "For example", "Effect"]
    return table(heads, rows, range(1, 4), caption="Checks of the events that found something") + nothing


def _worth(own: pd.DataFrame) -> list[str]:
    return [f"{int((own['risk_score'] >= HIGH_RISK).sum()):,}", f"{own['money'].sum():,.2f}"]


def _refunds(receipts: pd.DataFrame, key: tuple[Any, Any]) -> Sequence[str]:
    if key not in receipts.index:
        return "-", "-"  # a manager who rings nothing
    own = receipts.loc[key]
    return f"{own['receipts']:,}", f"{own['refunds']:,} ({_share(own['refunds'] / own['receipts'])})"


def _share(share: float) -> str:
    return "-" if isnan(share) else percent(share, 2)


def _cut(count: int, which: str, most: int = MOST_ROWS) -> str:
    return f": {which}, {most} of {count:,}" if count > most else ""
