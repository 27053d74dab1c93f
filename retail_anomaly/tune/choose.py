"""The choice of the combination of parameters that finds most within the budget."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from retail_anomaly.detectors import Parameters
from retail_anomaly.tune.space import Space
from retail_anomaly.tune.store_share_trials import TrialOutcome
from retail_anomaly.tune.study import Trial

Worth: TypeAlias = Callable[[frozenset[int]], float]


class Combination(NamedTuple):
    """Parameters of every detector, and their joint result.

    Parameters
    ----------
    parameters
        By detector.
    found
        The places of the incidents that at least one detector finds.
    alerts
        Of all detectors.
    worth
        The share found, 0 to 1.
    """

    parameters: Mapping[str, Parameters]
    found: frozenset[int]
    alerts: int
    worth: float


def frontier(candidates: Mapping[str, Sequence[Trial]], worth: Worth, most: int) -> list[Combination]:
    """Return the combinations that no other beats: more found costs more alerts.

    Detectors don't interact: the alerts of several are those of each, so that any trial's parameters of one
    go with any trial's of another. They are added one detector after the other, and a combination that
    finds no more with more alerts is dropped on the way. That is exact where no incident is found by two
    detectors, and may miss the best by a little where some are.

    Parameters
    ----------
    candidates
        By detector the trials; each has at least one.
    worth
        Returns the share that some incidents are of all, 0 to 1, by weight.
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
                        Combination({**so_far.parameters, detector: parameters}, found, alerts, worth(found))
                    )
        # Stable: of equals the first stays, and candidates come nearest to the base first.
        grown.sort(key=lambda combination: (combination.alerts, -combination.worth))
        front = []
        for combination in grown:
            if not front or combination.worth > front[-1].worth:
                front.append(combination)
    return front


def candidates_of(space: Space, base: Trial, tried: Sequence[Trial], most: int) -> list[Trial]:
    """Return the trials of a detector that can be chosen, the nearest to the base first.

    Parameters
    ----------
    space
        Of the detector.
    base
        Its result with the parameters to begin with.
    tried
        The trials.
    most
        With more alerts than this it can't be chosen.

    Returns
    -------
    list of Trial
        Of several that find the same with as many alerts, only the nearest to the base.
    """
    nearest: dict[tuple[int, tuple[int, ...]], Trial] = {}
    for one in sorted([base, *tried], key=lambda one: space.distance(one.parameters)):
        if one.outcome.alerts <= most:
            nearest.setdefault((one.outcome.alerts, one.outcome.found), one)
    return list(nearest.values())


def combined(tried: Mapping[str, Trial], worth: Worth) -> Combination:
    """Return the joint result of several detectors."""
    found = frozenset(place for one in tried.values() for place in one.outcome.found)
    return Combination(
        {name: one.parameters for name, one in tried.items()},
        found,
        sum(one.outcome.alerts for one in tried.values()),
        worth(found),
    )


def choose(
    spaces: Sequence[Space],
    base: Mapping[str, Trial],
    tried: Mapping[str, Sequence[Trial]],
    worth: Worth,
    most: int,
) -> list[Combination]:
    """Return the combinations that no other beats, within the budget; the last one finds most.

    A detector of which neither the base nor a trial found any incident stays as it is, for the
    incidents say nothing about it; unless quieting it pays for more to be found by the others. A detector
    is switched off only where that lets the others find more, or where nothing else keeps the budget.

    Parameters
    ----------
    spaces
        Of the detectors that are tuned.
    base
        By detector the result with the parameters to begin with.
    tried
        By detector the trials.
    worth
        Returns the share that some incidents are of all, 0 to 1, by weight.
    most
        The budget, in alerts.

    Returns
    -------
    list of Combination
        Fewest alerts first; empty when nothing that finds an incident keeps the budget. The base is the last
        one unless another finds more, or as much with fewer alerts.
    """
    every = {name: [one] for name, one in base.items()}
    every |= {
        space.detector: candidates_of(space, base[space.detector], tried[space.detector], most)
        for space in spaces
    }
    told = {
        name: found if any(one.outcome.found for one in found) else [base[name]]
        for name, found in every.items()
    }
    front, rather = frontier(every, worth, most), frontier(told, worth, most)
    if rather and rather[-1].worth >= front[-1].worth:
        front = rather
    off = {
        space.detector: Trial(msgspec.structs.replace(space.base, enabled=False), TrialOutcome(0, ()))
        for space in spaces
    }
    fewer = frontier(
        {name: [*found, off[name]] if name in off else found for name, found in every.items()}, worth, most
    )
    if fewer and fewer[-1].worth > (front[-1].worth if front else 0):
        front = fewer
    as_it_is = combined(base, worth)
    if as_it_is.alerts <= most:
        best = front[-1] if front else None
        if best is None or (as_it_is.worth, -as_it_is.alerts) >= (best.worth, -best.alerts):
            front = [one for one in front if one.alerts < as_it_is.alerts] + [as_it_is]
    return front
