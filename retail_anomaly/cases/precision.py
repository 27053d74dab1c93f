"""The probability that an alert is right, by its type, and the order in which to read cases."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from retail_anomaly.cases.actions import Verdict
from retail_anomaly.cases.case import Case, CaseAlert

_PositiveNumber = Annotated[float, Meta(gt=0, le=1e9, description="a number > 0")]
_PLACES: Final = 6


class Prior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is believed of a type of alert before anybody judged one.

    Parameters
    ----------
    a, b
        As if `a` of `a` + `b` alerts had been confirmed.

    Examples
    --------
    >>> Prior().a / (Prior().a + Prior().b)
    0.2
    """

    a: _PositiveNumber = 1.0
    b: _PositiveNumber = 4.0

    @classmethod
    def of_labelled(cls, right: int, alerts: int) -> "Prior":
        """Return the belief after labelled alerts, of which some were right; it is worth five verdicts.

        Examples
        --------
        >>> Prior.of_labelled(right=59, alerts=95)
        Prior(a=3.0, b=2.0)
        """
        usual = cls()
        weight = usual.a + usual.b
        share = (usual.a + right) / (weight + alerts)
        return cls(round(weight * share, 3), round(weight * (1 - share), 3))


class Precision:
    """The share of alerts that are right, by type, from verdicts and priors.

    Parameters
    ----------
    priors
        By alert type.
    default
        For the other types.

    Notes
    -----
    The share is the mean of a Beta distribution, (a + confirmed) / (a + b + confirmed + benign + training).
    The verdict ``unclear`` changes nothing.

    Examples
    --------
    >>> precision = Precision()
    >>> precision.count("REFUND_BURST", "confirmed")
    >>> precision.of("REFUND_BURST"), precision.of("SHRINKAGE")
    (0.3333333333333333, 0.2)
    """

    def __init__(self, priors: Mapping[str, Prior] | None = None, default: Prior | None = None) -> None:
        self._priors = dict(priors or {})
        self._default = default or Prior()
        self._confirmed: dict[str, int] = {}
        self._wrong: dict[str, int] = {}

    @classmethod
    def of_cases(cls, cases: Iterable[Case], priors: Mapping[str, Prior] | None = None) -> "Precision":
        """Count the verdicts of cases."""
        precision = cls(priors)
        for case in cases:
            for alert in case.alerts:
                precision.count(alert.type, alert.verdict)
        return precision

    def count(self, alert_type: str, verdict: Verdict | None, times: int = 1) -> None:
        """Count a verdict on an alert of a type; with `times` -1 take it back."""
        if verdict == "confirmed":
            self._confirmed[alert_type] = self._confirmed.get(alert_type, 0) + times
        elif verdict in ("benign", "training"):
            self._wrong[alert_type] = self._wrong.get(alert_type, 0) + times

    def of(self, alert_type: str) -> float:
        """Return the share of alerts of this type that are right."""
        prior = self._priors.get(alert_type, self._default)
        confirmed = self._confirmed.get(alert_type, 0)
        return (prior.a + confirmed) / (prior.a + prior.b + confirmed + self._wrong.get(alert_type, 0))

    def judged(self, alert_type: str) -> tuple[int, int]:
        """Return how many alerts of this type were confirmed, and how many were not."""
        return self._confirmed.get(alert_type, 0), self._wrong.get(alert_type, 0)

    def types(self) -> list[str]:
        """Return the types of which an alert was judged, in alphabetical order."""
        return sorted(self._confirmed.keys() | self._wrong.keys())


def prioritised(case: Case, precision: Precision) -> Case:
    """Return a case with its priority and expected loss.

    Parameters
    ----------
    case
        The case.
    precision
        The precision of the store's group.

    Returns
    -------
    Case
        Its priority is 1 - prod(1 - p). An alert's p is the precision of its type; a confirmed alert's is 1,
        that of one judged benign or training is 0, and so is that of one under a snooze or an allow entry.
        The expected loss sums p times the money of the alerts, as `money_of` counts it.

    Examples
    --------
    >>> from retail_anomaly.cases.case import CaseSubject
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1)
    >>> case = Case("c", 1, "s", CaseSubject("store", "s"), 1, 1, "open", None, (alert, alert), ())
    >>> prioritised(case, Precision()).priority
    0.36
    """
    missed, loss = 1.0, 0.0
    for alert, money in zip(case.alerts, money_of(case.alerts), strict=True):
        sure = probability(alert)
        p = precision.of(alert.type) if sure is None else sure
        missed *= 1 - p
        loss += p * money
    return msgspec.structs.replace(case, priority=round(1 - missed, _PLACES), expected_loss=round(loss, 2))


def reading_order(cases: Iterable[Case]) -> list[Case]:
    """Return the open cases in the order in which to read them.

    The most probable come first; among equally probable ones the higher expected loss, then the newer case.

    Examples
    --------
    >>> reading_order([])
    []
    """
    waiting = [case for case in cases if case.state == "open"]
    return sorted(
        waiting, key=lambda case: (-case.priority, -case.expected_loss, -case.newest_at, case.case_id)
    )


def probability(alert: CaseAlert) -> float | None:
    """Return the probability that an alert is right if a decision settled it, else None.

    Examples
    --------
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1)
    >>> probability(msgspec.structs.replace(alert, verdict="confirmed")), probability(alert)
    (1.0, None)
    """
    if alert.suppressed_by is not None or alert.verdict in ("benign", "training"):
        return 0.0
    return 1.0 if alert.verdict == "confirmed" else None


def money_of(alerts: Sequence[CaseAlert]) -> list[float]:
    """Return the money of each alert of a case, with every transaction counted once.

    A transaction that several alerts cite counts in the one that is about the most money.

    Examples
    --------
    >>> alert = CaseAlert("a", 1, "T", "t", None, 1.0, "", 1, 1, money=80.0, transaction_ids=("t-1",))
    >>> money_of([alert, alert])
    [80.0, 0.0]
    """
    shares, counted = [0.0] * len(alerts), set[str]()
    for place in sorted(range(len(alerts)), key=lambda each: -(alerts[each].money or 0.0)):
        cited = set(alerts[place].transaction_ids)
        new = cited - counted
        shares[place] = (alerts[place].money or 0.0) * (len(new) / len(cited) if cited else 1)
        counted |= new
    return shares
