"""The reading order of very many open cases, kept up to date one change at a time."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from retail_anomaly.cases.case import Case, CaseSubject
from retail_anomaly.cases.precision import KNOWN, KNOWN_FOR, Precision, log_odds, money_of, probability

_ROWS: Final = 1_024
_CASE_COLUMNS: Final = ("_open", "_confirmed", "_sure", "_newest", "_group", "_subject")
_ALERT_COLUMNS: Final = ("_case", "_type", "_odds", "_money")


class OpenCases:
    """Orders open cases as `reading_order` does, without looking at each of them again.

    A case is a row of arrays, and so is each alert that waits for a verdict. A verdict changes the
    probability of all alerts of its type, and with it every priority: that is one pass over the arrays.

    Examples
    --------
    >>> from retail_anomaly.cases.case import CaseAlert, CaseSubject
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1)
    >>> cases = OpenCases()
    >>> for name, alerts in (("one", (alert,)), ("two", (alert, alert))):
    ...     cases.put(Case(name, 1, "s", CaseSubject("store", "s"), 1, 1, "open", None, alerts, ()), group="")
    >>> cases.order({"": Precision()})
    ['two', 'one']
    """

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._names: list[str] = []
        self._types: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._subjects: dict[tuple[str, CaseSubject], int] = {}
        # By case: whether it is open, whether one of its alerts is confirmed, its confirmed money, its newest
        # alert, its group, its subject.
        self._open = np.zeros(_ROWS, dtype=bool)
        self._confirmed = np.zeros(_ROWS, dtype=bool)
        self._sure = np.zeros(_ROWS)
        self._newest = np.zeros(_ROWS, dtype=np.int64)
        self._group = np.zeros(_ROWS, dtype=np.int64)
        self._subject = np.zeros(_ROWS, dtype=np.int64)
        # By alert: the row of its case (-1: it waits no more), its type, the log odds of its confidence (NaN:
        # it has none), its money.
        self._alerts = 0
        self._case = np.full(_ROWS, -1, dtype=np.int64)
        self._type = np.zeros(_ROWS, dtype=np.int64)
        self._odds = np.zeros(_ROWS)
        self._money = np.zeros(_ROWS)
        self._places: dict[int, tuple[int, int]] = {}  # by case, where its alerts begin and end

    def put(self, case: Case, group: str) -> None:
        """Take a new or changed case in; a closed one leaves the order.

        Parameters
        ----------
        case
            The case.
        group
            Its store's group.
        """
        row = self._rows.get(case.case_id)
        if row is None:
            row = self._rows[case.case_id] = len(self._names)
            self._names.append(case.case_id)
            self._grow(_CASE_COLUMNS, len(self._names))
        begin, end = self._places.pop(row, (0, 0))
        self._case[begin:end] = -1
        self._open[row] = case.state == "open"
        self._newest[row] = case.newest_at
        self._group[row] = self._groups.setdefault(group, len(self._groups))
        subject = case.store_id, case.subject
        self._subject[row] = self._subjects.setdefault(subject, len(self._subjects))
        self._confirmed[row] = False
        self._sure[row] = 0
        begin = self._alerts
        for alert, money in zip(case.alerts, money_of(case.alerts), strict=True):
            sure = probability(alert)
            if sure is None:
                self._add(row, alert.type, alert.confidence, money)
            elif sure:
                self._confirmed[row] = True
                self._sure[row] += money
        self._places[row] = begin, self._alerts

    def order(self, precision: Mapping[str, Precision]) -> list[str]:
        """Return the ids of the open cases, the one to read first at the front.

        Parameters
        ----------
        precision
            The precision of each group.
        """
        rows = np.flatnonzero(self._open)
        priority, loss = self._figures(precision)
        priority = np.asarray(priority * np.where(self._known(), KNOWN, 1.0), dtype=np.float64)
        # Stable: of equal cases the one that was opened first comes first.
        ranks = np.lexsort((-self._newest[rows], -loss[rows], -priority[rows]))
        return [self._names[row] for row in rows[ranks]]

    def confirmed_lately(self, case_ids: Iterable[str]) -> set[str]:
        """Return those of some cases that count less, since an alert about their subject was confirmed."""
        known = self._known()
        return {case_id for case_id in case_ids if known[self._rows[case_id]]}

    def expected_loss(self, precision: Mapping[str, Precision]) -> float:
        """Return the expected loss of all open cases together."""
        return float(self._figures(precision)[1][self._open].sum())

    def _figures(
        self, precision: Mapping[str, Precision]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return the priority and the expected loss by row, rounded as in `prioritised`."""
        rows = len(self._open)
        alive = np.flatnonzero(self._case[: self._alerts] >= 0)
        case = self._case[alive]
        chance = self._chances(alive, precision)
        waits = np.bincount(case, minlength=rows) > 0
        missed = np.exp(np.bincount(case, weights=np.log1p(-chance), minlength=rows))
        loss = np.bincount(case, weights=self._money[alive] * chance, minlength=rows) + self._sure
        priority = np.asarray(np.where(waits, 1 - missed, self._confirmed), dtype=np.float64)
        return np.round(priority, 6), np.round(loss, 2)

    def _known(self) -> npt.NDArray[np.bool_]:
        """Return by row whether an alert about the subject was confirmed lately."""
        last = np.full(max(len(self._subjects), 1), np.iinfo(np.int64).min // 2)
        np.maximum.at(last, self._subject[self._confirmed], self._newest[self._confirmed])
        known: npt.NDArray[np.bool_] = self._newest - last[self._subject] <= KNOWN_FOR
        return known

    def _chances(
        self, alive: npt.NDArray[np.int64], precision: Mapping[str, Precision]
    ) -> npt.NDArray[np.float64]:
        """Return the probability of alerts."""
        shares, shifts = np.zeros((2, max(len(self._groups), 1), max(len(self._types), 1)))
        for group, row in self._groups.items():
            for alert_type, column in self._types.items():
                shares[row, column] = precision[group].of(alert_type)
                shift = precision[group].shift(alert_type)
                shifts[row, column] = np.nan if shift is None else shift
        place = self._group[self._case[alive]], self._type[alive]
        odds = self._odds[alive] + shifts[place]
        return np.where(np.isnan(odds), shares[place], 1 / (1 + np.exp(-odds)))

    def _add(self, row: int, alert_type: str, confidence: float | None, money: float) -> None:
        place = self._alerts
        self._alerts += 1
        self._grow(_ALERT_COLUMNS, self._alerts)
        self._case[place] = row
        self._type[place] = self._types.setdefault(alert_type, len(self._types))
        self._odds[place] = np.nan if confidence is None else log_odds(confidence)
        self._money[place] = money

    def _grow(self, columns: tuple[str, ...], wanted: int) -> None:
        if wanted > len(getattr(self, columns[0])):
            for name in columns:
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
