"""The page about one cashier or one store: sales, refunds, alerts, peers, over time."""

import difflib
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly import plots
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.events import REFUND, SALE
from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.core.nearest import nearest
from retail_anomaly.frames.alert_tables import alerts_table
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.events import receipts_by
from retail_anomaly.frames.words import percent, plural
from retail_anomaly.replay import replay
from retail_anomaly.report.html import figure, section, table, write_page
from retail_anomaly.settings import Settings
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events, load
from retail_anomaly.sources.mapping_file import AnyMapping

_MOST_PEERS: Final = 15
_MOST_ALERTS: Final = 200


class ProfileError(RetailAnomalyError):
    """There are no events of the store or the employee."""


class ProfilePage(msgspec.Struct, frozen=True):
    """What a page about a cashier or a store says; `retail_anomaly.profile` makes one.

    Parameters
    ----------
    title, summary
        Its heading, and its first sentences.
    facts
        Figures by name.
    peers
        Receipts and refunds of the colleagues, or of the other stores, the most conspicuous first.
    alerts
        The alerts, each once.
    sections
        The parts of the page, as HTML.
    """

    title: str
    summary: str
    facts: dict[str, str]
    peers: pd.DataFrame
    alerts: pd.DataFrame
    sections: list[str]

    def write(self, path: Path | str) -> Path:
        """Write the page; it opens offline."""
        footer = "A share of refunds compares what was rung up, and says nothing about the reason."
        return write_page(
            path,
            title=self.title,
            summary=self.summary,
            facts=self.facts,
            sections=self.sections,
            footer=footer,
        )

    def _repr_html_(self) -> str:
        facts = "".join(html_paragraph(f"{name}: {value}") for name, value in self.facts.items())
        return f"<h3>{escape(self.title)}</h3>{html_paragraph(self.summary)}{facts}{self.peers.to_html()}"


def profile(
    source: Where,
    *,
    employee_id: str | None = None,
    store_id: str | None = None,
    alerts: pd.DataFrame | None = None,
    settings: Settings | None = None,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> ProfilePage:
    """Describe a cashier or a store: sales, refunds, alerts, peers, and all of it over time.

    Parameters
    ----------
    source
        A log or events, as `replay` takes them.
    employee_id
        The cashier; without one, the store is described.
    store_id
        The store; it may be left out if only one store has the cashier.
    alerts
        Alerts, as `replay` returns them; by default the source is replayed.
    settings, mapping, columns, constants
        As for `replay`.

    Raises
    ------
    UsageError
        Neither is named, or several stores have the cashier.
    ProfileError
        No event is theirs.

    Examples
    --------
    >>> rows = [{"transactionId": f"t{n}", "storeId": "s", "cashierId": "ab"[n % 2], "sku": "k",
    ...     "amount": 9.0, "eventType": "REFUND" if n == 3 else "SALE",
    ...     "eventTime": 1_760_000_000_000 + n} for n in range(8)]
    >>> profile(rows, employee_id="b").summary
    'b made 1 refund on 4 receipts in s (25.0 %); the 1 other cashier refunds 0.0 %. 1 alert.'
    """
    if employee_id is None and store_id is None:
        raise UsageError("profile: name an employee, a store or both")
    settings = settings or Settings()
    events = (
        source
        if isinstance(source, Events)
        else load(source, mapping=mapping, columns=columns, constants=constants, zones=settings.zones)
    )
    if alerts is None:
        alerts = replay(events, settings=settings, progress=False).alerts
    lines = plots.pos_frame(events)
    store = _store(lines, employee_id, store_id)
    shown = last_revisions(alerts)
    own = lines[lines["store_id"] == store]
    raised = shown[shown["store_id"] == store]
    if employee_id is None:
        return _of_store(store, lines, own, raised, settings.zones)
    about = raised[raised["employee_id"] == employee_id]
    return _of_employee(employee_id, store, own, about, settings.zones)


def _store(lines: pd.DataFrame, employee_id: str | None, store_id: str | None) -> str:
    """Return the store; an employee is one of a store."""
    stores = sorted(set(lines["store_id"]))
    if store_id is not None and store_id not in stores:
        raise ProfileError(f"store {store_id}: no event is of this store; {_advice(store_id, stores)}")
    if employee_id is None:
        assert store_id is not None  # noqa: S101 - for the type checker
        return store_id
    their = lines if store_id is None else lines[lines["store_id"] == store_id]
    found = sorted(set(their.loc[their["cashier_id"] == employee_id, "store_id"]))
    if not found:
        names = sorted(set(their["cashier_id"]))
        raise ProfileError(f"employee {employee_id}: no event is theirs; {_advice(employee_id, names)}")
    if len(found) > 1:
        raise UsageError(
            f"employee {employee_id}: {plural(len(found), 'store')} have one of this name "
            f"({', '.join(found[:5])}): name the store"
        )
    return str(found[0])


def _advice(name: str, known: list[str]) -> str:
    """Return the nearest of the known names, or some of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return nearest(name, close or known[:_MOST_PEERS])


def _of_employee(
    employee: str, store: str, own: pd.DataFrame, alerts: pd.DataFrame, zones: Mapping[str, str]
) -> ProfilePage:
    peers = _peers(own, "cashier_id")
    others = peers.drop(employee)
    lines = own[own["cashier_id"] == employee]
    noun = "cashier refunds" if len(others) == 1 else "cashiers refund"
    made = _made(peers.loc[[employee]], f" in {store}")
    compared = f"the {len(others)} other {noun} {_share(others)}"
    summary = f"{employee} {made}; {compared}. {_alerts_text(alerts)}"
    drawn = figure(plots.refunds_over_time(own, store_id=store, employee_id=employee, zones=zones))
    sections = [
        section("Over time", drawn + figure(plots.timeline(alerts, lines, zones=zones))),
        section(
            "Beside the colleagues",
            figure(plots.cashier_ladder(own)) + _peers_table(peers, "Cashier", employee),
        ),
    ]
    return _profile(f"{employee}, {store}", summary, lines, peers, alerts, sections, zones)


def _of_store(
    store: str, lines: pd.DataFrame, own: pd.DataFrame, alerts: pd.DataFrame, zones: Mapping[str, str]
) -> ProfilePage:
    peers = _peers(lines, "store_id")
    others, compared = peers.drop(store), ""
    if len(others):
        noun = "store refunds" if len(others) == 1 else "stores refund"
        compared = f"; the {len(others)} other {noun} {_share(others)}"
    summary = f"{store} {_made(peers.loc[[store]])}{compared}. {_alerts_text(alerts)}"
    cashiers = _peers(own, "cashier_id")
    of_cashiers = figure(plots.refund_shares(own)) + _peers_table(cashiers, "Cashier")
    sections = [
        section(
            "Over time",
            figure(plots.sales_by_day(own, zones=zones)) + figure(plots.sales_by_hour(own, zones=zones)),
        ),
        section("Its cashiers", of_cashiers),
    ]
    if len(others):
        sections.append(section("Beside the other stores", _peers_table(peers, "Store", store)))
    sections.insert(1, section("Alerts over the sales", figure(plots.timeline(alerts, own, zones=zones))))
    return _profile(store, summary, own, peers, alerts, sections, zones)


def _profile(
    title: str,
    summary: str,
    lines: pd.DataFrame,
    peers: pd.DataFrame,
    alerts: pd.DataFrame,
    sections: list[str],
    zones: Mapping[str, str],
) -> ProfilePage:
    kinds = lines["event_type"].str.upper()
    facts = {
        "Sold": f"{lines.loc[kinds == SALE, 'amount'].sum():,.2f}",
        "Refunded": f"{lines.loc[kinds == REFUND, 'amount'].sum():,.2f}",
        "Refund lines": f"{int((kinds == REFUND).sum()):,}",
        "Alerts": f"{len(alerts):,}",
    }
    rows = alerts_table(alerts.nlargest(_MOST_ALERTS, "risk_score"), zones)
    caption = f"Alerts{f': the {_MOST_ALERTS} of the highest risk' if len(alerts) > _MOST_ALERTS else ''}"
    said = (
        table(rows.columns, rows.itertuples(index=False), [4], caption=caption)
        if len(rows)
        else html_paragraph("No alert.")
    )
    return ProfilePage(
        title, summary, facts, peers, alerts, [*sections, section("Alerts", said, kind="long")]
    )


def _peers(lines: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return receipts and refunds by name, the highest share first."""
    found = receipts_by(lines, [by]).set_index(by)
    found["share"] = found["refunds"] / found["receipts"]
    return found.sort_values(["share", "receipts"], ascending=False, kind="stable")


def _peers_table(peers: pd.DataFrame, noun: str, own: str | None = None) -> str:
    """Return the first of the peers as HTML, and where the one that the page is about stands."""
    ranked = peers.assign(place=range(1, len(peers) + 1))
    shown = ranked.head(_MOST_PEERS)
    if own is not None and own not in shown.index:
        shown = pd.concat([shown, ranked.loc[[own]]])
    rows = [
        (
            row["place"],
            f"{name} (this one)" if name == own else name,
            f"{row['receipts']:,}",
            f"{row['refunds']:,}",
            percent(row["share"], 2),
        )
        for name, row in shown.to_dict("index").items()
    ]
    cut = f": the first {_MOST_PEERS} of {len(peers):,}" if len(peers) > _MOST_PEERS else ""
    caption = f"Share of receipts that are refunds{cut}"
    return table(["Place", noun, "Receipts", "Refunds", "Share"], rows, [0, 2, 3, 4], caption=caption)


def _made(one: pd.DataFrame, where: str = "") -> str:
    refunds, receipts = int(one["refunds"].sum()), int(one["receipts"].sum())
    return f"made {plural(refunds, 'refund')} on {plural(receipts, 'receipt')}{where} ({_share(one)})"


def _share(peers: pd.DataFrame) -> str:
    receipts = int(peers["receipts"].sum())
    return percent(int(peers["refunds"].sum()) / receipts, 1) if receipts else "none"


def _alerts_text(alerts: pd.DataFrame) -> str:
    return f"{plural(len(alerts), 'alert')}." if len(alerts) else "No alert."
