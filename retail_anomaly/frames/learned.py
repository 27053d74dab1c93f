"""The lessons of verdicts: how often each type of alert was right, week by week."""

from collections import Counter
from collections.abc import Iterator
from math import comb
from typing import Final, NamedTuple

import pandas as pd

from retail_anomaly.cases import Action, Case, CaseAlert
from retail_anomaly.cases.case import verdicts_on
from retail_anomaly.frames.cases import CaseBook
from retail_anomaly.frames.times import utc_times

LEAST_VERDICTS: Final = 20
"""So many verdicts a type needs before it is proposed for the shadow."""
POOR: Final = 0.05
"""The precision below which it is."""
_WRONG: Final = ("benign", "training")
_COLUMNS: Final = ("week", "type", "confirmed", "benign", "training", "unclear", "right", "judged")


class Poor(NamedTuple):
    """A type of alert of which hardly one is right.

    Parameters
    ----------
    type
        The type.
    confirmed, judged
        How many of its alerts were confirmed, of how many that were judged confirmed, benign or training.
    """

    type: str
    confirmed: int
    judged: int


def verdicts_by_week(book: CaseBook) -> pd.DataFrame:
    """Return how the alerts of each type were judged in each week.

    Parameters
    ----------
    book
        Cases with the decisions about them.

    Returns
    -------
    pandas.DataFrame
        One row for each week and type with a verdict, the newest week first: ``week`` (its Monday in UTC),
        ``type``, the alerts that were judged ``confirmed``, ``benign``, ``training`` and ``unclear`` in it,
        and of all verdicts until its end ``right`` (the confirmed ones) and ``judged`` (without the unclear
        ones). Of several verdicts on one alert the last counts.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import triage
    >>> verdict = {"actionId": "v", "time": 1_760_000_000_000, "by": "kim", "action": "verdict",
    ...     "storeId": "store-1", "alertId": "a2", "verdict": "benign", "reason": "the shelf was moved"}
    >>> verdicts_by_week(triage(example_alerts(), [verdict]))[["type", "benign", "judged"]].values.tolist()
    [['SHRINKAGE', 1, 1]]
    """
    counts: dict[tuple[pd.Timestamp, str], Counter[str]] = {}
    for alert, last in _judged(book.cases):
        counts.setdefault((_monday(last.time), alert.type), Counter())[str(last.verdict)] += 1
    so_far: dict[str, Counter[str]] = {}
    rows = []
    for (week, kind), found in sorted(counts.items(), key=lambda item: item[0]):
        total = so_far.setdefault(kind, Counter())
        total.update(found)
        wrong = sum(total[verdict] for verdict in _WRONG)
        each = (found[verdict] for verdict in ("confirmed", *_WRONG, "unclear"))
        rows.append((week, kind, *each, total["confirmed"], total["confirmed"] + wrong))
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.sort_values(["week", "type"], ascending=[False, True], kind="stable", ignore_index=True)


def last_reasons(book: CaseBook) -> Counter[tuple[str, str]]:
    """Return how often each reason was given for a verdict in the last week with one, with the verdict.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import triage
    >>> last_reasons(triage(example_alerts()))
    Counter()
    """
    actions = {action.action_id: action for _, action in _judged(book.cases)}
    newest = max((action.time for action in actions.values()), default=0)
    begin = _monday(newest).value // 1_000_000
    return Counter(
        (str(action.verdict), action.reason) for action in actions.values() if action.time >= begin
    )


def _monday(time: int) -> pd.Timestamp:
    """Return the beginning of a time's week in UTC."""
    day = utc_times([time])[0].normalize()
    return day - pd.Timedelta(days=day.weekday())


def poor_types(book: CaseBook) -> list[Poor]:
    """Return the types of alert to put into the shadow: those of which hardly one is right.

    Parameters
    ----------
    book
        Cases with the decisions about them.

    Returns
    -------
    list of Poor
        The types with at least 20 verdicts whose precision is below 5 % with 95 % confidence: if 5 % were
        right, so few would be confirmed in less than one of twenty such shops. Nothing is switched.

    Examples
    --------
    >>> from retail_anomaly.frames.alerts import example_alerts
    >>> from retail_anomaly.frames.cases import triage
    >>> poor_types(triage(example_alerts()))
    []
    """
    right, judged = Counter[str](), Counter[str]()
    for precision in book.precision.values():
        for kind in precision.types():
            confirmed, wrong = precision.judged(kind)
            right[kind] += confirmed
            judged[kind] += confirmed + wrong
    return [
        Poor(kind, right[kind], judged[kind])
        for kind in sorted(judged)
        if judged[kind] >= LEAST_VERDICTS and _chance(right[kind], judged[kind]) < POOR
    ]


def _judged(cases: list[Case]) -> Iterator[tuple[CaseAlert, Action]]:
    """Yield each alert that was judged, with the verdict that counts."""
    for case in cases:
        for alert in case.alerts:
            verdicts = verdicts_on(case, alert)
            if verdicts:
                yield alert, verdicts[-1]


def _chance(right: int, judged: int) -> float:
    """Return the chance of so few right ones, or fewer, if one in twenty is right."""
    return sum(comb(judged, each) * POOR**each * (1 - POOR) ** (judged - each) for each in range(right + 1))
