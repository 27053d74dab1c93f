"""The probability that an alert is right, by its type, and the order in which to read cases."""

from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from retail_anomaly.cases.actions import Verdict
from retail_anomaly.cases.case import Case, CaseAlert, CaseSubject

_PositiveNumber = Annotated[float, Meta(gt=0, le=1e9, description="a number > 0")]
_PLACES: Final = 6
KNOWN: Final = 0.3
"""What a case counts whose subject was confirmed lately, see `reading_order`."""
KNOWN_FOR: Final = 14 * 86_400_000
"""How long before, in milliseconds."""
_MILLION: Final = 1_000_000
_WEIGHT: Final = 5.0
WRONG: Final = ("benign", "training")
"""The verdicts that say that an alert was wrong."""


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
    """The probability that an alert is right, by its type and confidence, from verdicts and priors.

    Parameters
    ----------
    priors
        By alert type.
    default
        For the other types.

    Notes
    -----
    The share of a type's alerts that are right is the mean of a Beta distribution,
    (a + confirmed) / (a + b + confirmed + benign + training). The verdict ``unclear`` changes nothing.

    An alert with a confidence begins with it, unless the priors name its type. Verdicts move all alerts of
    the type by one factor of their odds: the odds that a judged alert was right, over those that the
    confidences had promised. Five verdicts as promised are added to both, so that the first ones move little.

    Examples
    --------
    >>> precision = Precision()
    >>> precision.count("REFUND_BURST", "confirmed")
    >>> precision.of("REFUND_BURST"), precision.of("SHRINKAGE")
    (0.3333333333333333, 0.2)
    >>> round(precision.of("SHRINKAGE", 0.7), 6)
    0.7
    >>> for _ in range(5):
    ...     precision.count("SHRINKAGE", "benign", confidence=0.7)
    >>> round(precision.of("SHRINKAGE", 0.7), 2)
    0.35
    """

    def __init__(self, priors: Mapping[str, Prior] | None = None, default: Prior | None = None) -> None:
        self._priors = dict(priors or {})
        self._default = default or Prior()
        self._confirmed: dict[str, int] = {}
        self._wrong: dict[str, int] = {}
        # Of the judged alerts with a confidence: how many, how many confirmed, the sum in millionths. Whole
        # numbers: the order of the verdicts must not matter, not even in the last digit.
        self._sure: dict[str, list[int]] = {}

    @classmethod
    def of_cases(cls, cases: Iterable[Case], priors: Mapping[str, Prior] | None = None) -> "Precision":
        """Count the verdicts of cases."""
        precision = cls(priors)
        for case in cases:
            for alert in case.alerts:
                precision.count(alert.type, alert.verdict, confidence=alert.confidence)
        return precision

    def count(
        self, alert_type: str, verdict: Verdict | None, times: int = 1, *, confidence: float | None = None
    ) -> None:
        """Count a verdict on an alert of a type; with `times` -1 take it back."""
        if verdict == "confirmed":
            self._confirmed[alert_type] = self._confirmed.get(alert_type, 0) + times
        elif verdict in WRONG:
            self._wrong[alert_type] = self._wrong.get(alert_type, 0) + times
        else:
            return
        if confidence is not None:
            right = times if verdict == "confirmed" else 0
            self.expect(alert_type, times, right, times * millionths(confidence))

    def expect(self, alert_type: str, judged: int, right: int, promised: int) -> None:
        """Add judged alerts with a confidence: how many, how many of them right, their sum in millionths."""
        sums = self._sure.setdefault(alert_type, [0, 0, 0])
        for place, more in enumerate((judged, right, promised)):
            sums[place] += more

    def of(self, alert_type: str, confidence: float | None = None) -> float:
        """Return the probability that an alert of this type and confidence is right."""
        shift = None if confidence is None else self.shift(alert_type)
        if confidence is None or shift is None:
            prior = self._priors.get(alert_type, self._default)
            confirmed = self._confirmed.get(alert_type, 0)
            return (prior.a + confirmed) / (prior.a + prior.b + confirmed + self._wrong.get(alert_type, 0))
        return 1 / (1 + exp(-log_odds(confidence) - shift))

    def shift(self, alert_type: str) -> float | None:
        """Return by how much verdicts moved the log odds of a type's confidence; None: the priors name it."""
        if alert_type in self._priors:
            return None
        judged, right, promised = self._sure.get(alert_type, (0, 0, 0))
        if not judged:
            return 0.0
        sum_promised = promised / _MILLION
        more_right = _WEIGHT * sum_promised / judged
        more_wrong = _WEIGHT - more_right
        found = (more_right + right) / (more_wrong + judged - right)
        return log(found) - log((more_right + sum_promised) / (more_wrong + judged - sum_promised))

    def judged(self, alert_type: str) -> tuple[int, int]:
        """Return how many alerts of this type were confirmed, and how many were not."""
        return self._confirmed.get(alert_type, 0), self._wrong.get(alert_type, 0)

    def types(self) -> list[str]:
        """Return the types of which an alert was judged, in alphabetical order."""
        return sorted(self._confirmed.keys() | self._wrong.keys())


def log_odds(confidence: float) -> float:
    """Return the log odds of a confidence.

    Examples
    --------
    >>> log_odds(0.5)
    0.0
    """
    return log(confidence / (1 - confidence))


def millionths(confidence: float) -> int:
    """Return a confidence as a whole number of millionths.

    Examples
    --------
    >>> millionths(0.25)
    250000
    """
    return round(confidence * _MILLION)


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
        Its priority is 1 - prod(1 - p) over the alerts that wait for a verdict; p is that of their type and
        confidence. Where none waits it is 1 if one was confirmed, else 0. The expected loss sums p times the
        money of all alerts, as `money_of` counts it: a confirmed one's p is 1, that of one judged benign or
        training is 0, and so is that of one under a snooze or an allow entry.

    Examples
    --------
    >>> from retail_anomaly.cases.case import CaseSubject
    >>> alert = CaseAlert("a", 1, "SHRINKAGE", "inventory_shrinkage", None, 1.0, "10 pieces.", 1, 1)
    >>> case = Case("c", 1, "s", CaseSubject("store", "s"), 1, 1, "open", None, (alert, alert), ())
    >>> prioritised(case, Precision()).priority
    0.36
    """
    missed, loss = 1.0, 0.0
    # Alerts of one kind are many in a long case, and have few confidences.
    chances: dict[tuple[str, float | None], float] = {}
    waits = any(probability(alert) is None for alert in case.alerts)
    for alert, money in zip(case.alerts, money_of(case.alerts), strict=True):
        sure = probability(alert)
        if sure is None:
            kind = alert.type, alert.confidence
            p = chances.get(kind)
            if p is None:
                p = chances[kind] = precision.of(*kind)
        else:
            p = sure
        if sure is None or not waits:
            missed *= 1 - p
        loss += p * money
    return msgspec.structs.replace(case, priority=round(1 - missed, _PLACES), expected_loss=round(loss, 2))


def reading_order(cases: Iterable[Case]) -> list[Case]:
    """Return the open cases in the order in which to read them.

    The most probable come first; among equally probable ones the higher expected loss, then the newer case.
    A case about somebody of whom an alert was confirmed lately counts three tenths: its alerts are likely
    about the same incident, which people know.

    Parameters
    ----------
    cases
        All cases: the closed ones say who was confirmed.

    Examples
    --------
    >>> reading_order([])
    []
    """
    every = list(cases)
    confirmed: dict[tuple[str, CaseSubject], int] = {}
    for case in every:
        if any(alert.verdict == "confirmed" for alert in case.alerts):
            key = case.store_id, case.subject
            confirmed[key] = max(case.newest_at, confirmed.get(key, case.newest_at))

    def weight(case: Case) -> float:
        last = confirmed.get((case.store_id, case.subject))
        return 1.0 if last is None or case.newest_at - last > KNOWN_FOR else KNOWN

    return sorted(
        (case for case in every if case.state == "open"),
        key=lambda case: (
            -case.priority * weight(case),
            -case.expected_loss,
            -case.newest_at,
            case.case_id,
        ),
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
