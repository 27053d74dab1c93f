"""From what each detector could do to the combination that finds most within the budget."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from retail_anomaly.detectors import Parameters
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.study import Tried


class Combination(NamedTuple):
    """Parameters of every detector together, and what becomes of them.

    Parameters
    ----------
    parameters
        By detector.
    found
        The places of the incidents that at least one detector finds.
    alerts
        Of all detectors.
    worth
        What was found, 0 to 1.
    """

    parameters: Mapping[str, Parameters]
    found: frozenset[int]
    alerts: int
    worth: float


def worth_of(found: frozenset[int], weights: Sequence[float]) -> float:
    """Return the share of all weights that what was found has.

    Examples
    --------
    >>> worth_of(frozenset({0, 2}), [1.0, 1.0, 2.0])
    0.75
    """
    # Summed in order: equal sets have equal worth to the last bit.
    return sum(weights[place] for place in sorted(found)) / (sum(weights) or 1.0)


def frontier(
    candidates: Mapping[str, Sequence[Tried]], weights: Sequence[float], most: int
) -> list[Combination]:
    """Return the combinations that no other beats: more found costs more alerts.

    Detectors don't interact: the alerts of several are those of each, so that any trial's parameters
    of one go with any trial's of another. They are added one detector after the other, and what
    finds no more with more alerts is dropped on the way. That is exact where no incident is found
    by two detectors, and may miss the best by a little where some are.

    Parameters
    ----------
    candidates
        By detector what was tried; all must have one at least.
    weights
        The worth of each incident.
    most
        Combinations with more alerts are left out.

    Returns
    -------
    list of Combination
        Fewest alerts first; empty when even the quietest have too many.
    """
    front = [Combination({}, frozenset(), 0, 0.0)]
    for detector, tried in candidates.items():
        grown = []
        for so_far in front:
            for parameters, outcome in tried:
                alerts = so_far.alerts + outcome.alerts
                if alerts <= most:
                    found = so_far.found.union(outcome.found)
                    grown.append(
                        Combination(
                            {**so_far.parameters, detector: parameters}, found, alerts, worth_of(found, weights)
                        )
                    )
        # Stable: of equals the first stays, and candidates come nearest to the base first.
        grown.sort(key=lambda combination: (combination.alerts, -combination.worth))
        front = []
        for combination in grown:
            if not front or combination.worth > front[-1].worth:
                front.append(combination)
    return front


def candidates_of(space: Space, base: Tried, tried: Sequence[Tried], most: int) -> list[Tried]:
    """Return what is worth considering of a detector, the nearest to the base first.

    Parameters
    ----------
    space
        Of the detector.
    base
        What it does as it is.
    tried
        What the trials made of it.
    most
        With more alerts than this it can't be chosen.

    Returns
    -------
    list of Tried
        Of several that find the same with as many alerts, only the nearest to the base.
    """
    nearest: dict[tuple[int, tuple[int, ...]], Tried] = {}
    for one in sorted([base, *tried], key=lambda one: space.distance(one.parameters)):
        if one.outcome.alerts <= most:
            nearest.setdefault((one.outcome.alerts, one.outcome.found), one)
    return list(nearest.values())
