"""The page about one cashier or one store: sales, refunds, alerts, peers, over time."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
import pandas as pd

from retail_anomaly import plots
from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.events import REFUND, SALE, Event, PosEvent, TillEvent
from retail_anomaly.core.markup import html_paragraph
from retail_anomaly.core.nearest import nearest
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.alert_tables import alerts_table
from retail_anomaly.frames.alerts import last_revisions
from retail_anomaly.frames.confidence import confidence_of
from retail_anomaly.frames.events import receipts_by
from retail_anomaly.frames.words import percent
from retail_anomaly.replay import replay
from retail_anomaly.report.html import figure, section, table, write_page
from retail_anomaly.settings import PrivacySettings, Settings, pseudonyms_of
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
        The cashier; without one, the store is described. With pseudonyms, a clear id becomes its newest one.
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
    people: dict[str, set[str]] = {}
    lines = plots.pos_frame(_noted(events.read(settings.zones, privacy=settings.privacy), people))
    if employee_id is not None:
        employee_id = _hidden(employee_id, settings.privacy, people)
    store = _store(people, employee_id, store_id)
    shown = last_revisions(alerts)
    own = lines[lines["store_id"] == store]
    raised = shown[shown["store_id"] == store]
    if employee_id is None:
        return _of_store(store, lines, own, raised, settings.zones)
    about = raised[raised["employee_id"] == employee_id]
    return _of_employee(employee_id, store, own, about, settings.zones)


def _noted(events: Iterable[Event], people: dict[str, set[str]]) -> Iterator[Event]:
    """Yield events, and take note of their stores and of each store's cashiers, who may have no receipt."""
    for event in events:
        cashiers = people.setdefault(event.store_id, set())
        if isinstance(event, PosEvent | TillEvent):
            cashiers.add(event.cashier_id)
        yield event


def _hidden(employee_id: str, privacy: PrivacySettings, people: Mapping[str, set[str]]) -> str:
    """Return the newest pseudonym of an employee that events bear; a pseudonym stays."""
    names = pseudonyms_of(privacy)
    if names is None:
        return employee_id
    by_epoch = [names.of(employee_id, since) for since in (0, *names.starts)]
    known = set().union(*people.values())
    return next((name for name in reversed(by_epoch) if name in known), by_epoch[-1])


def _store(people: Mapping[str, set[str]], employee_id: str | None, store_id: str | None) -> str:
    """Return the store; an employee is one of a store."""
    if not people:
        whose = f"employee {employee_id}" if employee_id is not None else f"store {store_id}"
        raise ProfileError(f"{whose}: the source has no events; give one with sales and refunds")
    if store_id is not None and store_id not in people:
        raise ProfileError(
            f"store {store_id}: no event is of this store; {_advice(store_id, sorted(people))}"
        )
    if employee_id is None:
        assert store_id is not None  # noqa: S101 - for the type checker
        return store_id
    having = sorted(store for store, cashiers in people.items() if employee_id in cashiers)
    found = having if store_id is None else [store for store in having if store == store_id]
    if not found and having:
        raise ProfileError(
            f"employee {employee_id}: no event of store {store_id} is theirs; "
            f"{plural(len(having), 'other store')} {'has' if len(having) == 1 else 'have'} one of this name "
            f"({', '.join(having[:5])})"
        )
    if not found:
        named = people.values() if store_id is None else [people[store_id]]
        names = sorted(set().union(*named))
        raise ProfileError(f"employee {employee_id}: no event is theirs; {_advice(employee_id, names)}")
    if len(found) > 1:
        raise UsageError(
            f"employee {employee_id}: {plural(len(found), 'store')} have one of this name "
            f"({', '.join(found[:5])}): name the store"
        )
    return found[0]


def _advice(name: str, known: list[str]) -> str:
    """Return the nearest of the known names, or some of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return nearest(name, close or known[:_MOST_PEERS])


def _of_employee(
    employee: str, store: str, own: pd.DataFrame, alerts: pd.DataFrame, zones: Mapping[str, str]
) -> ProfilePage:
    peers = _peers(own, "cashier_id", employee)
    lines = own[own["cashier_id"] == employee]
    made = _made(peers.loc[[employee]], f" in {store}")
    compared = _compared(peers.drop(employee), "cashier") or "; no other cashier of the store has receipts"
    summary = f"{employee} {made}{compared}. {_alerts_text(alerts)}"
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
    peers = _peers(lines, "store_id", store)
    others = peers.drop(store)
    made = _made(peers.loc[[store]])
    summary = f"{store} {made}{_compared(others, 'store')}. {_alerts_text(alerts)}"
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
    rows = alerts_table(confidence_of(alerts).nlargest(_MOST_ALERTS, "confidence"), zones)
    caption = (
        f"Alerts{f': the {_MOST_ALERTS} of the highest confidence' if len(alerts) > _MOST_ALERTS else ''}"
    )
    said = (
        table(rows.columns, rows.itertuples(index=False), [4, 5], caption=caption)
        if len(rows)
        else html_paragraph("No alert.")
    )
    return ProfilePage(
        title, summary, facts, peers, alerts, [*sections, section("Alerts", said, kind="long")]
    )


def _peers(lines: pd.DataFrame, by: str, own: str | None = None) -> pd.DataFrame:
    """Return receipts and refunds by name, the highest share first; `own` is there without receipts too."""
    found = receipts_by(lines, [by]).set_index(by)
    if own is not None and own not in found.index:
        found = found.reindex([*found.index, own], fill_value=0).astype(int).rename_axis(by)
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
            percent(row["share"], 2) if row["receipts"] else "no receipts",
        )
        for name, row in shown.to_dict("index").items()
    ]
    cut = f": the first {_MOST_PEERS} of {len(peers):,}" if len(peers) > _MOST_PEERS else ""
    caption = f"Share of receipts that are refunds{cut}"
    return table(["Place", noun, "Receipts", "Refunds", "Share"], rows, [0, 2, 3, 4], caption=caption)


def _made(one: pd.DataFrame, where: str = "") -> str:
    refunds, receipts = int(one["refunds"].sum()), int(one["receipts"].sum())
    if not receipts:
        return f"has no receipts{where}"
    return f"made {plural(refunds, 'refund')} on {plural(receipts, 'receipt')}{where} ({_share(one)})"


def _compared(others: pd.DataFrame, noun: str) -> str:
    """Return how much the others refund, after a semicolon; nothing if there are none."""
    if others.empty:
        return ""
    refund = f"{noun} refunds" if len(others) == 1 else f"{noun}s refund"
    return f"; the {len(others)} other {refund} {_share(others)}"


def _share(peers: pd.DataFrame) -> str:
    return percent(int(peers["refunds"].sum()) / int(peers["receipts"].sum()), 1)


def _alerts_text(alerts: pd.DataFrame) -> str:
    return f"{plural(len(alerts), 'alert')}." if len(alerts) else "No alert."
