"""Triage in a notebook: alerts and actions in, cases in reading order out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import msgspec
import pandas as pd

from retail_anomaly.cases import (
    Action,
    Case,
    CaseAlert,
    Precision,
    Triage,
    decode_action,
    prioritised,
    reading_order,
)
from retail_anomaly.core.alerts import Alert
from retail_anomaly.core.markup import html_paragraph, html_table
from retail_anomaly.core.memory import StoreMemory
from retail_anomaly.core.quantities import plural
from retail_anomaly.core.records import InvalidRecord, decode_record, record_from
from retail_anomaly.core.registry import known_detectors
from retail_anomaly.frames.columns import expect_columns
from retail_anomaly.frames.json_lines import read_json_lines
from retail_anomaly.frames.times import epoch_millis, utc_times
from retail_anomaly.settings import NO_PSEUDONYMS, PrivacySettings, Settings
from retail_anomaly.settings.hidden_scopes import HideScope, scope_hider

Alerts: TypeAlias = "pd.DataFrame | Iterable[Alert] | str | Path"
Actions: TypeAlias = "Iterable[Action | Mapping[str, Any]] | str | Path"
_TIMES: Final = ("event_time", "opened_at", "detected_at")
_SHOWN_ROWS: Final = 10
_COUNTS: Final = {"counts", "recounts"}  # the needs of detectors whose alerts begin with a count


class CaseBook:
    """Cases, and the order in which to read them.

    Parameters
    ----------
    cases
        All cases, each with its priority.
    precision
        The precision of each type of alert, by store group.
    groups
        The group of each store that has a case; a store that is not named is in the group without a name.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> book = triage(example_alerts())
    >>> book
    CaseBook(2 cases, 2 of them open)
    """

    def __init__(
        self,
        cases: Iterable[Case],
        precision: Mapping[str, Precision],
        groups: Mapping[str, str] | None = None,
    ) -> None:
        self.cases = list(cases)
        self._groups = dict(groups or {})
        self.precision = dict(precision)

    @classmethod
    def of(cls, cases: Iterable[Case], settings: Settings) -> Self:
        """Give cases the priority that the verdicts of their store's group make.

        Parameters
        ----------
        cases
            All cases, each once.
        settings
            ``cases.priors`` and ``stores.ID.group`` count.
        """
        groups: dict[str, list[Case]] = {}
        for case in cases:
            groups.setdefault(settings.group(case.store_id), []).append(case)
        precision = {name: Precision.of_cases(each, settings.cases.priors) for name, each in groups.items()}
        ordered = (prioritised(case, precision[name]) for name, each in groups.items() for case in each)
        return cls(
            ordered, precision, {case.store_id: name for name, each in groups.items() for case in each}
        )

    def reading_order(self) -> list[Case]:
        """Return the open cases, the one to read first at the front."""
        return reading_order(self.cases)

    def frame(self) -> pd.DataFrame:
        """Return all cases as a DataFrame in reading order, closed ones last; times are in UTC.

        Returns
        -------
        pandas.DataFrame
            One row a case: ``case_id``, ``store_id``, ``subject``, ``state``, ``assignee``, ``priority``,
            ``expected_loss``, ``alerts``, ``types``, ``opened_at``, ``newest_at``, ``message``.
        """
        waiting = self.reading_order()
        closed = [case for case in self.cases if case.state == "closed"]
        rows = [_row(case) for case in chain(waiting, closed)]
        frame = pd.DataFrame(rows, columns=_COLUMNS)
        return frame.assign(opened_at=utc_times(frame["opened_at"]), newest_at=utc_times(frame["newest_at"]))

    def precision_frame(self) -> pd.DataFrame:
        """Return the precision of each type of alert as a DataFrame.

        Returns
        -------
        pandas.DataFrame
            One row for each type of each store group: ``group``, ``type``, ``alerts``, ``confirmed``,
            ``not_confirmed`` (benign or training) and ``precision``.

        Examples
        --------
        >>> from retail_anomaly.frames.alerts import example_alerts
        >>> triage(example_alerts()).precision_frame()[["type", "alerts", "precision"]].values.tolist()
        [['REFUND_BURST', 1, 0.2], ['SHRINKAGE', 1, 0.2]]
        """
        counts: Counter[tuple[str, str]] = Counter()
        for case in self.cases:
            counts.update((self._groups.get(case.store_id, ""), alert.type) for alert in case.alerts)
        rows = [
            (group, kind, number, *self.precision[group].judged(kind), self.precision[group].of(kind))
            for (group, kind), number in sorted(counts.items())
        ]
        return pd.DataFrame(
            rows, columns=["group", "type", "alerts", "confirmed", "not_confirmed", "precision"]
        )

    def __repr__(self) -> str:
        return f"CaseBook({plural(len(self.cases), 'case')}, {len(self.reading_order())} of them open)"

    def _repr_html_(self) -> str:
        waiting = self.reading_order()
        rows = [
            (
                heading_of(case),
                case.store_id,
                f"{case.priority:.2f}",
                f"{case.expected_loss:,.2f}",
                _said(case),
            )
            for case in waiting[:_SHOWN_ROWS]
        ]
        more = len(waiting) - len(rows)
        notes = [f"{plural(len(waiting), 'open case')} of {len(self.cases):,}, in reading order."]
        notes += [f"{more:,} more: see frame()."] if more else []
        table = html_table(rows, ["about", "store", "priority", "expected loss", "newest alert"])
        return "\n".join([*map(html_paragraph, notes), table])


def triage(alerts: Alerts, actions: Actions = (), *, settings: Settings | None = None) -> CaseBook:
    """Gather alerts in cases, apply the actions of the people who read them, and order the cases for reading.

    Parameters
    ----------
    alerts
        A DataFrame of alerts, `Alert` objects, or an alerts file.
    actions
        `Action` objects, mappings with the names of the topic ``alert-actions``, or a file of JSON lines.
    settings
        ``cases.priors``, ``stores.ID.group`` and ``privacy`` count. By default the packaged ones. All cases
        are kept, also those that are older than ``cases.memory``.

    Returns
    -------
    CaseBook
        The cases. Their order by priority uses the verdicts of all stores of the same group.

    Raises
    ------
    InvalidRecord
        An action or an alert is wrong; the text names file, line and field. The error is a ValueError.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> verdict = {"actionId": "v", "time": 1_760_000_000_000, "by": "kim", "action": "verdict",
    ...     "storeId": "store-1", "alertId": "a2", "verdict": "benign", "reason": "the shelf was moved"}
    >>> triage(example_alerts(), [verdict]).frame()[["subject", "state", "alerts"]].values.tolist()
    [['c-1', 'open', 1], ['sku-1', 'closed', 1]]
    """
    settings = settings or Settings()
    steps = Triage(memory=None, priors=settings.cases.priors, calibration=settings.cases.calibration)
    stores = _triaged(steps, alerts, actions, settings.privacy)
    return CaseBook.of(chain.from_iterable(steps.cases(store) for store in stores.values()), settings)


def hidden_confirmed(
    alerts: Alerts, actions: Actions, entries: Actions, *, privacy: PrivacySettings = NO_PSEUDONYMS
) -> dict[str, list[CaseAlert] | None]:
    """Return the confirmed alerts that snooze or allow entries would hide, by the entry's ``actionId``.

    None stands for an entry whose store has no alert: its id may be a slip.

    Parameters
    ----------
    alerts, actions
        The history, as for `triage`.
    entries
        The entries, which need not be among the actions.
    privacy
        With pseudonyms, an entry may name the clear id of an employee where the key is at hand.

    Raises
    ------
    InvalidRecord
        An entry, an action or an alert is wrong, or an entry is neither a snooze nor an allow entry; the
        text names file, line and field.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> verdict = {"actionId": "v", "time": 1_760_000_000_000, "by": "kim", "action": "verdict",
    ...     "storeId": "store-1", "alertId": "a2", "verdict": "confirmed", "reason": "seen on video"}
    >>> entry = {"actionId": "e", "time": 1_760_000_000_000, "by": "kim", "action": "allow",
    ...     "storeId": "store-1", "scope": {"type": "SHRINKAGE", "sku": "sku-1"}, "reason": "samples"}
    >>> hidden = hidden_confirmed(example_alerts(), [verdict], [entry])
    >>> [alert.alert_id for alert in hidden["e"]]
    ['a2']
    """
    steps = Triage(memory=None)
    stores = _triaged(steps, alerts, actions, privacy)
    known = {store_id for store_id, store in stores.items() if steps.cases(store)}
    return {
        entry.action_id: steps.hidden_by(entry, stores[entry.store_id]) if entry.store_id in known else None
        for entry in _entries(entries, privacy)
    }


_COLUMNS: Final = [
    *("case_id", "store_id", "subject", "state", "assignee", "priority", "expected_loss"),
    *("alerts", "types", "opened_at", "newest_at", "message"),
]


def _row(case: Case) -> tuple[object, ...]:
    types = sorted({alert.type for alert in case.alerts})
    return (
        *(case.case_id, case.store_id, case.subject.id, case.state, case.assignee),
        *(case.priority, case.expected_loss, len(case.alerts), types),
        *(case.opened_at, case.newest_at, _said(case)),
    )


def heading_of(case: Case) -> str:
    """Return whom or what a case is about, as its heading says it.

    The employee of a stock alert is the one who counted: a witness, and no suspect.

    Examples
    --------
    >>> from retail_anomaly.cases.case import CaseSubject
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", "m-2", 1.0, "10 pieces.", 1, 1)
    >>> subject = CaseSubject("employee", "m-2")
    >>> heading_of(Case("c", 1, "store-1", subject, 1, 1, "open", None, (alert,), ()))
    'Stock counted by m-2'
    """
    stock = {name for name, known in known_detectors().items() if not _COUNTS.isdisjoint(known.needs)}
    counted = case.subject.type == "employee" and {alert.detector for alert in case.alerts} <= stock
    return f"Stock counted by {case.subject.id}" if counted else case.subject.id


def _said(case: Case) -> str:
    return case.alerts[-1].message


def _triaged(
    steps: Triage, alerts: Alerts, actions: Actions, privacy: PrivacySettings
) -> dict[str, StoreMemory]:
    """Return the memory of each store after its alerts and actions."""
    stores: dict[str, StoreMemory] = {}
    records: list[Alert | Action] = [*alert_structs(alerts), *action_structs(actions, privacy)]
    # In the order of time, as the streamer would have read them: a wait ends by the time of later records.
    for record in sorted(records, key=_time):
        store = stores.get(record.store_id)
        if store is None:
            store = stores[record.store_id] = steps.new_store(record.store_id)
        steps.take(record, store)
    return stores


def _time(record: Alert | Action) -> int:
    return record.time if isinstance(record, Action) else record.event_time


def alert_structs(alerts: Alerts) -> Iterable[Alert]:
    """Return alerts, from whatever they are in, as structs.

    Raises
    ------
    InvalidRecord
        An alert is wrong; the text names file, line and field. The error is a ValueError.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> [alert.alert_id for alert in alert_structs(example_alerts())]
    ['a1', 'a2']
    """
    if isinstance(alerts, str | Path):
        return read_json_lines(alerts, partial(decode_record, Alert))
    if not isinstance(alerts, pd.DataFrame):
        return alerts
    expect_columns(alerts, Alert.__struct_fields__, "alerts")
    plain = alerts[list(Alert.__struct_fields__)].copy()
    for name in _TIMES:
        known = plain[name].notna()
        times = pd.Series(None, index=plain.index, dtype=object)
        times[known] = [int(each) for each in epoch_millis(plain.loc[known, name])]
        plain[name] = times
    plain["employee_id"] = plain["employee_id"].astype(object).where(plain["employee_id"].notna(), None)
    return [Alert(**{str(name): value for name, value in row.items()}) for row in plain.to_dict("records")]


def action_structs(actions: Actions, privacy: PrivacySettings = NO_PSEUDONYMS) -> Iterable[Action]:
    """Return actions, from whatever they are in, as structs.

    Parameters
    ----------
    actions
        As for `triage`.
    privacy
        With pseudonyms, no scope has the clear id of an employee.

    Raises
    ------
    InvalidRecord
        An action is wrong; the text names file, line and field. The error is a ValueError.

    Examples
    --------
    >>> list(action_structs([]))
    []
    """
    hide = scope_hider(privacy)
    if isinstance(actions, str | Path):
        return read_json_lines(actions, lambda line: hide(decode_action(line)))
    return [_action(number, each, hide) for number, each in enumerate(actions, 1)]


def _entries(entries: Actions, privacy: PrivacySettings) -> Iterable[Action]:
    hide = scope_hider(privacy)
    if isinstance(entries, str | Path):
        return read_json_lines(entries, lambda line: _entry(hide(decode_action(line))))
    return [_entry(each) for each in action_structs(entries, privacy)]


def _entry(action: Action) -> Action:
    if action.scope is None:
        raise InvalidRecord(
            "action", f"action: {action.action_id}: expected a snooze or an allow entry, got {action.action}"
        )
    return action


def _action(number: int, action: Action | Mapping[str, Any], hide: HideScope) -> Action:
    try:
        return hide(record_from(Action, msgspec.to_builtins(action)))
    except InvalidRecord as error:
        raise InvalidRecord(error.field, f"action {number}: {error}") from None
