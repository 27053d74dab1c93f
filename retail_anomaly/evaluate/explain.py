"""What each detector made of a receipt, and how far it was from an alert."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from retail_anomaly.core.alerts import Alert, ShadowAlert
from retail_anomaly.core.dispatch import IndexedDetector
from retail_anomaly.core.engine import Engine
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import (
    LINE_VOID,
    POS_EVENTS,
    REFUND,
    SALE,
    Event,
    PosEvent,
    ShiftEvent,
    TillEvent,
)
from retail_anomaly.core.margins import Margin
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.score import Score
from retail_anomaly.core.taking_back import TAKING_BACK
from retail_anomaly.evaluate.match import cited_names
from retail_anomaly.frames.shown_times import local_text, zone_of
from retail_anomaly.frames.times import utc_times
from retail_anomaly.settings import Settings, build_engine
from retail_anomaly.sources import Where
from retail_anomaly.sources.loaded import Events, load
from retail_anomaly.sources.mapping_file import AnyMapping

_DAY: Final = 86_400_000
_Line: TypeAlias = PosEvent | TillEvent


class TransactionError(RetailAnomalyError):
    """No event has the number that is to be explained."""


class Judgement(msgspec.Struct, frozen=True):
    """What a detector made of a line.

    Parameters
    ----------
    detector
        Its name.
    alerts
        The alerts about the receipt that the line raised.
    margins
        What was measured, and how far it was from an alert.
    in_shadow
        Whether the alerts go to nobody but the shadow.
    others
        Alerts about another receipt: they waited until this line moved the store's clock.

    Examples
    --------
    >>> Judgement("refund_burst", [], [Margin("high refunds", 2, 3)]).said()
    ['refund_burst: no alert', '  high refunds: 2; alerts from 3 on, 1 short']
    """

    detector: str
    alerts: Sequence[Alert]
    margins: Sequence[Margin]
    in_shadow: bool = False
    others: Sequence[Alert] = ()

    def __str__(self) -> str:
        raised = [_verdict(alert) for alert in self.alerts]
        shadow = " (in the shadow)" if self.in_shadow else ""
        return f"{self.detector}{shadow}: " + "; ".join(raised or ["no alert"])

    def said(self) -> list[str]:
        """Return the verdict, and below it what was measured and what else the line raised."""
        others = [f"  raised by this line, about another receipt: {_verdict(alert)}" for alert in self.others]
        return [str(self), *(f"  {margin}" for margin in self.margins), *others]


class ExplainedLine(msgspec.Struct, frozen=True):
    """A line of the receipt, or of one that takes it back, or a void, with what the detectors made of it."""

    event: _Line
    judgements: Sequence[Judgement]


class Explanation(msgspec.Struct, frozen=True):
    """What the detectors made of a receipt; it prints as text, and shows itself in a notebook.

    Parameters
    ----------
    transaction_id
        The number of the receipt.
    lines
        Its lines, and those of refunds and voids that name it, in the order in which they were processed.
    later
        Alerts of the day after its last line that cite it, but were raised by another event.
    silent
        The detectors that looked at none of the lines.
    zones
        Time zones of the stores.
    """

    transaction_id: str
    lines: Sequence[ExplainedLine]
    later: Sequence[Alert]
    silent: Sequence[str]
    zones: Mapping[str, str]

    @property
    def alerts(self) -> list[Alert]:
        """All alerts about the receipt."""
        own = [alert for line in self.lines for each in line.judgements for alert in each.alerts]
        return [*own, *self.later]

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Yield pairs of a line, or of another thing, and what is said of it."""
        for line in self.lines:
            said = [text for each in line.judgements for text in each.said()]
            yield self._heading(line.event), said or ["no detector looks at it"]
        for alert in self.later:
            yield f"later, {self._time(alert.store_id, alert.event_time)}", [f"{alert.type}: {alert.message}"]
        if self.silent:
            yield "looked at none of it", [", ".join(self.silent)]

    def __str__(self) -> str:
        parts = [f"{self.transaction_id}: {_count(len(self.alerts))}"]
        for heading, said in self.rows():
            parts += [heading, *(f"  {text}" for text in said)]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        head = html_paragraph(f"{self.transaction_id}: {_count(len(self.alerts))}")
        return head + html_table([(heading, text) for heading, said in self.rows() for text in said])

    def _heading(self, event: _Line) -> str:
        register = f", register {event.register_id}" if event.register_id else ""
        amount = None if event.amount is None else f"{event.amount:.2f}"
        rung_up = " ".join(part for part in (event.event_type, event.sku, amount) if part)
        return (
            f"{event.transaction_id}:{_taken_back(event)} {rung_up} by "
            f"{event.cashier_id}, {event.store_id}{register}, {self._time(event.store_id, event.event_time)}"
        )

    def _time(self, store_id: str, time: int) -> str:
        return local_text(utc_times([time])[0], zone_of(store_id, self.zones))


def explain(
    transaction_id: str,
    source: Where,
    *,
    store_id: str | None = None,
    settings: Settings | None = None,
    detectors: Sequence[str] | None = None,
    mapping: AnyMapping | None = None,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> Explanation:
    """Explain what each detector made of a receipt, and by which margin it was or was not an alert.

    The source is read twice: once to find the receipt, once to process its store up to a day after it.

    Parameters
    ----------
    transaction_id
        The number of the receipt.
    source
        A log or events, as `replay` takes them.
    store_id
        Its store, if several have the number.
    settings, detectors, mapping, columns, constants
        As for `replay`.

    Raises
    ------
    TransactionError
        No event bears the number.
    SourceError
        The source isn't there or can't be read.

    Examples
    --------
    >>> refunds = [{"transactionId": f"r{n}", "storeId": "s", "cashierId": "c", "sku": "k", "amount": 120.0,
    ...     "eventType": "REFUND", "eventTime": 1_760_000_000_000 + n} for n in range(2)]
    >>> print(explain("r1", refunds, detectors=["refund_burst"]))
    r1: no alert
    r1: REFUND k 120.00 by c, s, 2025-10-09 08:53:20 UTC
      refund_burst: no alert
        amount of this refund: 120; alerts from 100 on
        refunds of 100.00 or more by c within 10m: 2; alerts from 3 on, 1 short
    """
    settings = settings or Settings()
    events = (
        source
        if isinstance(source, Events)
        else load(source, mapping=mapping, columns=columns, constants=constants, zones=settings.zones)
    )
    if isinstance(source, Events) and (mapping, columns, constants) != (None, None, None):
        raise TypeError("mapping: the events have one of their own")
    last = _last_times(events.read(settings.zones, privacy=settings.privacy), transaction_id, store_id)
    if not last:
        where = f" in store {store_id}" if store_id else ""
        unread = "".join(f"; {line}" for line in events.unread.lines()[:1])
        raise TransactionError(
            f"transaction {transaction_id}: no event bears this number{where}; look it up among "
            f"transactionId and originalTransactionId of the log{unread}"
        )
    engine = build_engine(settings, detectors, nobody=events.mapping.nobody)
    return _Explaining(engine, transaction_id, last, settings.zones).run(
        events.open_again(settings.zones, settings.privacy).events(_pass)
    )


class _Explaining:
    """One pass of some stores through an engine."""

    def __init__(
        self, engine: Engine, transaction_id: str, last: Mapping[str, int], zones: Mapping[str, str]
    ) -> None:
        self._engine = engine
        self._id = transaction_id
        self._last = last
        self._zones = zones
        self._lines: list[ExplainedLine] = []
        self._later: list[Alert] = []
        self._scores: list[Score] = []
        for detector in engine.detectors:
            detector.listener = self._scores.append

    def run(self, events: Iterable[Event]) -> Explanation:
        stores = {store: self._engine.new_store(store) for store in self._last}
        open_stores = set(stores)
        for event in events:
            store = stores.get(event.store_id)
            if store is None or event.store_id not in open_stores:
                continue
            self._scores.clear()
            raised = self._engine.process(event, store)
            if isinstance(event, PosEvent | TillEvent) and _is_about(event, self._id):
                self._lines.append(ExplainedLine(event, self._judgements(event, store, raised)))
                continue
            self._later += [alert for alert in raised if self._id in _cited(alert)]
            if not isinstance(event, ShiftEvent) and store.clock > self._last[event.store_id] + _DAY:
                open_stores.discard(event.store_id)
                if not open_stores:
                    break
        spoken = {each.detector for line in self._lines for each in line.judgements}
        silent = [each.name for each in self._engine.detectors if each.name not in spoken]
        return Explanation(self._id, self._lines, self._later, silent, self._zones)

    def _judgements(self, event: _Line, store: StoreMemory, raised: list[Alert]) -> list[Judgement]:
        by_detector = defaultdict(list)
        for alert in raised:
            by_detector[alert.detector].append(alert)
        found = []
        asked = {step.__self__.name for step in self._steps(event, store)}
        for detector in self._engine.detectors:
            alerts = by_detector.pop(detector.name, [])
            margins: list[Margin] = []
            if isinstance(detector, IndexedDetector):
                if detector.name in asked:
                    margins += detector.explain(event, store.indexed, store)
                elif not alerts:
                    continue
            elif isinstance(event, PosEvent) and event.event_type.upper() in (SALE, REFUND):
                margins += detector.explain(event, store.detectors[detector.name], store)
            margins += self._of_scores(detector.name)
            if alerts or margins:
                shadow = any(isinstance(alert, ShadowAlert) for alert in alerts)
                own = [alert for alert in alerts if self._is_of(alert, event)]
                others = [alert for alert in alerts if alert not in own]
                found.append(Judgement(detector.name, own, margins, shadow, others))
        return found

    def _is_of(self, alert: Alert, event: _Line) -> bool:
        """Tell whether an alert that a line raised is about its receipt; one without receipts is."""
        cited = _cited(alert)
        return not cited or not cited.isdisjoint((self._id, event.transaction_id))

    def _steps(self, event: _Line, store: StoreMemory) -> Iterator[Any]:
        """Yield the steps of the rules that the line counts for."""
        if store.dispatch is not None:
            for test, _, step in store.dispatch.steps(POS_EVENTS, event.event_type.upper()):
                if test(event, store):
                    yield step

    def _of_scores(self, detector: str) -> Iterator[Margin]:
        for score in self._scores:
            if score.detector == detector:
                verdict = score.silent or f"score {score.score:.3f}"
                yield Margin(
                    f"{score.subject}: {score.observed} where {score.expected:.1f} are usual, honest ones "
                    f"{score.lower} to {score.upper}; {verdict}"
                )


def _cited(alert: Alert) -> set[str]:
    """Return the transaction numbers that an alert cites."""
    return {name for kind, name in cited_names(alert.evidence) if kind == "t"}


def _verdict(alert: Alert) -> str:
    return f"alert of risk {alert.risk_score:.2f}: {alert.message}"


def _taken_back(event: _Line) -> str:
    """Return in words what a refund or a void takes back."""
    kind = event.event_type.upper()
    if kind == LINE_VOID:
        return " takes back a line:"
    if event.original_transaction_id:
        return f" takes back {event.original_transaction_id}:"
    return " takes back the receipt:" if kind in TAKING_BACK else ""


def _is_about(event: _Line, transaction_id: str) -> bool:
    return transaction_id in (event.transaction_id, event.original_transaction_id)


def _last_times(events: Iterable[Event], transaction_id: str, store_id: str | None) -> dict[str, int]:
    """Return the time of the newest line about the receipt by store."""
    last: dict[str, int] = {}
    for event in events:
        if isinstance(event, PosEvent | TillEvent) and _is_about(event, transaction_id):
            store = event.store_id
            if store_id in (None, store):
                last[store] = max(event.event_time, last.get(store, 0))
    return last


def _pass(bad: object) -> None:
    """Leave out what is no event; a replay names it."""


def _count(alerts: int) -> str:
    return "no alert" if not alerts else "1 alert" if alerts == 1 else f"{alerts} alerts"
