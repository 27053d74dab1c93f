"""The ground truth of a tuning, split in two parts, and the weight of each incident."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from retail_anomaly.evaluate.match import distractors
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.settings import Settings
from retail_anomaly.tune import TuneError
from retail_anomaly.tune.split import HELD_OUT, TUNED, DaySplit
from retail_anomaly.tune.store_share_trials import LogFacts

Objective = Literal["recall", "loss"]
MEASURES: Final = {"recall": "recall", "loss": "loss_recall"}
"""The measure of a scorecard for each objective."""


@dataclass(frozen=True)
class SplitTruth:
    """The days and the incidents of both parts: the days tuned on and the held-out days.

    Parameters
    ----------
    days
        The days of both parts.
    incidents
        By part; distractors among them.
    weights
        By part the weight of each incident: 1 or its expected loss; 0 for a distractor.
    incidents_left_out
        Number of incidents in stores or times that the log does not cover.
    """

    days: DaySplit
    incidents: Mapping[str, pd.DataFrame]
    weights: Mapping[str, np.ndarray]
    incidents_left_out: int

    @classmethod
    def of(
        cls,
        facts: LogFacts,
        incidents: pd.DataFrame,
        settings: Settings,
        *,
        split: float,
        objective: Objective,
    ) -> "SplitTruth":
        """Split a log and its incidents.

        Raises
        ------
        TuneError
            A part has no incident with a weight above 0.
        """
        zones = {store: settings.zone(store).key for store in facts.times}
        days = DaySplit.of(facts.times, zones, share=split)
        known = _within(incidents, facts)
        part = days.of_incidents(known)
        of_part = {name: known[part == name].reset_index(drop=True) for name in (TUNED, HELD_OUT)}
        weights = {name: _weights(frame, objective) for name, frame in of_part.items()}
        for name in (TUNED, HELD_OUT):
            if not weights[name].sum():
                raise TuneError(
                    f"none of the {len(incidents)} incidents ends on the days {name}, {days.period(name)}: "
                    f"{'is this the truth of this log?' if known.empty else 'more days, or another --split'}"
                )
        return cls(days, of_part, weights, len(incidents) - len(known))

    @property
    def tuned_store_days(self) -> int:
        """Number of store-days tuned on."""
        return int(self.days.store_days[TUNED].sum())

    def worth(self, found: frozenset[int]) -> float:
        """Return the weight of some incidents as a share of all weight on the days tuned on."""
        weights = self.weights[TUNED]
        # Summed in order, so that equal sets have equal sums to the last bit.
        return float(weights[sorted(found)].sum() / weights.sum())


def _within(incidents: pd.DataFrame, facts: LogFacts) -> pd.DataFrame:
    """Return the incidents in the stores and times that the log covers."""
    limits = {store: (int(times[0]), int(times[-1])) for store, times in facts.times.items()}
    starts, ends = epoch_millis(incidents["start"]), epoch_millis(incidents["end"])
    inside = [
        store in limits and start <= limits[store][1] and end >= limits[store][0]
        for store, start, end in zip(incidents["store_id"], starts, ends, strict=True)
    ]
    return incidents[np.array(inside, dtype=bool)].reset_index(drop=True)


def _weights(incidents: pd.DataFrame, objective: Objective) -> np.ndarray:
    honest = distractors(incidents)
    if objective == "recall":
        return np.where(honest, 0.0, 1.0)
    losses = pd.to_numeric(incidents["expected_loss"]).fillna(0.0).clip(lower=0.0).to_numpy(dtype="float64")
    return np.where(honest, 0.0, losses)
