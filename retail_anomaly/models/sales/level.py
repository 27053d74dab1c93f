"""The level: how trade these days compares with the profile, and how busy this day is."""

from math import exp, log, sqrt
from typing import Final, NamedTuple

from retail_anomaly.models.sales.history import HORIZONS, SalesHistory

_DAY: Final = HORIZONS.index("day")
_LARGEST_DAY_SHAPE: Final = 400.0
_SPREAD_PRIOR: Final = 50.0
_PRIOR_SHAPES: Final = (30.0, 40.0, 60.0, 60.0)


class DayFactor(NamedTuple):
    """How busy this day is compared with the expectation, and the shape of that estimate."""

    factor: float
    shape: float


def shape_of_horizon(horizon: int, store: SalesHistory) -> float:
    """Return the shape of the spread of a horizon's counts; `horizon` is its place in `HORIZONS`."""
    return store.spreads[horizon].shape(_SPREAD_PRIOR, _PRIOR_SHAPES[horizon])


def day_factor(store: SalesHistory) -> DayFactor:
    """Estimate how busy this day is from its quarters before the last two hours.

    The factor is Gamma distributed, with the spread of days as its prior.
    """
    prior = min(shape_of_horizon(_DAY, store), _LARGEST_DAY_SHAPE)
    shape = prior + store.earlier.receipts
    return DayFactor(shape / (prior + store.earlier.usual), shape)


def learn_level(learned: float, store: SalesHistory, gain: float, release_after: int) -> None:
    """Move the level towards the day that is over.

    Parameters
    ----------
    learned
        The day's receipts, where rare quarters count half.
    store
        The store, at the end of the day.
    gain
        The share of the day's deviation that is taken as a new level.
    release_after
        After so many days in a row far off to the same side their level is accepted at once.
    """
    usual, receipts = store.day_usual, store.day_receipts
    deviation = log((receipts + 1) / (usual + 1))
    far = 3 / sqrt(shape_of_horizon(_DAY, store))
    store.deviations = [*store.deviations, deviation][-release_after:]
    if len(store.deviations) == release_after and (
        all(d > far for d in store.deviations) or all(d < -far for d in store.deviations)
    ):
        # No incident lasts for days: this is how things are now.
        store.level *= exp(sum(store.deviations) / len(store.deviations))
        store.deviations = []
        store.relearned = store.day
        return
    if abs(deviation) < far:
        store.spreads[_DAY].add_relative(receipts, usual)
    store.level *= exp(gain * min(max(log((learned + 1) / (usual + 1)), -far), far))
    store.level = min(max(store.level, 1e-3), 1e3)
