"""The reading order of very many open cases, kept up to date one change at a time."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from retail_anomaly.cases.case import Case
from retail_anomaly.cases.precision import Precision, money_of, probability

_ROWS: Final = 1_024


class OpenCases:
    """Orders open cases as `reading_order` does, without looking at each of them again.

    Every case is a row of two matrices, with a column for each type of alert: the number of alerts that wait
    for a verdict, and their money. A verdict changes the precision of the types, and with it every priority:
    that is one product of a matrix.

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
        self._columns: dict[str, int] = {}
        self._groups: dict[str, int] = {}
        self._counts = np.zeros((_ROWS, 8))
        self._money = np.zeros((_ROWS, 8))
        # Per row: whether it is open, whether one of its alerts is confirmed, its confirmed money, its newest
        # alert, its group.
        self._open = np.zeros(_ROWS, dtype=bool)
        self._confirmed = np.zeros(_ROWS, dtype=bool)
        self._sure = np.zeros(_ROWS)
        self._newest = np.zeros(_ROWS, dtype=np.int64)
        self._group = np.zeros(_ROWS, dtype=np.int64)

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
            self._grow()
        self._open[row] = case.state == "open"
        self._newest[row] = case.newest_at
        self._group[row] = self._groups.setdefault(group, len(self._groups))
        self._counts[row] = 0
        self._money[row] = 0
        self._confirmed[row] = False
        self._sure[row] = 0
        for alert, money in zip(case.alerts, money_of(case.alerts), strict=True):
            sure = probability(alert)
            if sure is None:
                column = self._columns.setdefault(alert.type, len(self._columns))
                self._grow()
                self._counts[row, column] += 1
                self._money[row, column] += money
            elif sure:
                self._confirmed[row] = True
                self._sure[row] += money

    def order(self, precision: Mapping[str, Precision]) -> list[str]:
        """Return the ids of the open cases, the one to read first at the front.

        Parameters
        ----------
        precision
            The precision of each group.
        """
        rows = np.flatnonzero(self._open)
        priority, loss = self._figures(rows, precision)
        # Stable: of equal cases the one that was opened first comes first.
        ranks = np.lexsort((-self._newest[rows], -loss, -priority))
        return [self._names[row] for row in rows[ranks]]

    def expected_loss(self, precision: Mapping[str, Precision]) -> float:
        """Return the expected loss of all open cases together."""
        return float(self._figures(np.flatnonzero(self._open), precision)[1].sum())

    def _figures(self, rows: np.ndarray, precision: Mapping[str, Precision]) -> tuple[np.ndarray, np.ndarray]:
        """Return the priority and the expected loss of rows, rounded as in `prioritised`."""
        shares = np.zeros((max(len(self._groups), 1), self._counts.shape[1]))
        for group, place in self._groups.items():
            for alert_type, column in self._columns.items():
                shares[place, column] = precision[group].of(alert_type)
        of_row = shares[self._group[rows]]
        missed = np.exp((self._counts[rows] * np.log1p(-of_row)).sum(axis=1))
        priority = np.where(self._confirmed[rows], 1.0, 1 - missed)
        loss = (self._money[rows] * of_row).sum(axis=1) + self._sure[rows]
        return np.round(priority, 6), np.round(loss, 2)

    def _grow(self) -> None:
        rows, columns = self._counts.shape
        if len(self._columns) > columns:
            wider = ((0, 0), (0, columns))
            self._counts, self._money = np.pad(self._counts, wider), np.pad(self._money, wider)
        if len(self._names) > rows:
            for name in ("_counts", "_money", "_open", "_confirmed", "_sure", "_newest", "_group"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.zeros_like(old)]))
