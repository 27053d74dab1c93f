"""What a tuning stands on: the days and incidents of both parts, and what each incident is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec
import numpy as np
import pandas as pd

from retail_anomaly.detectors import Parameters
from retail_anomaly.evaluate.match import distractors
from retail_anomaly.frames.times import epoch_millis
from retail_anomaly.settings import Settings
from retail_anomaly.tune import TuneError
from retail_anomaly.tune.shard import LogFacts
from retail_anomaly.tune.split import HELD_OUT, TUNED, Parts

Objective = Literal["recall", "loss"]
MEASURES: Final = {"recall": "recall", "loss": "loss_recall"}
"""What a scorecard calls the objectives."""


@dataclass(frozen=True)
class Ground:
    """The log and the truth, cut in two.

    Parameters
    ----------
    parts
        The days.
    incidents
        By part; distractors among them.
    weights
        By part what finding each incident is worth: 1 or its expected loss, 0 for a distractor.
    left_out
        How many incidents are of stores or times that the log does not have.
    """

    parts: Parts
    incidents: Mapping[str, pd.DataFrame]
    weights: Mapping[str, np.ndarray]
    left_out: int

    @classmethod
    def of(
        cls,
        facts: LogFacts,
        incidents: pd.DataFrame,
        settings: Settings,
        *,
        split: float,
        objective: Objective,
    ) -> "Ground":
        """Cut a log and its incidents.

        Raises
        ------
        TuneError
            A part has no incident that is worth anything.
        """
        zones = {store: settings.zone(store).key for store in facts.times}
        parts = Parts.of(facts.times, zones, share=split)
        known = _within(incidents, facts)
        part = parts.of_incidents(known)
        of_part = {name: known[part == name].reset_index(drop=True) for name in (TUNED, HELD_OUT)}
        weights = {name: _weights(frame, objective) for name, frame in of_part.items()}
        for name in (TUNED, HELD_OUT):
            if not weights[name].sum():
                raise TuneError(
                    f"none of the {len(incidents)} incidents ends on the days {name}, {parts.days(name)}: "
                    f"{'is this the truth of this log?' if known.empty else 'more days, or another --split'}"
                )
        return cls(parts, of_part, weights, len(incidents) - len(known))

    @property
    def tuned_days(self) -> int:
        """How many store-days are tuned on."""
        return int(self.parts.store_days[TUNED].sum())

    def worth(self, found: frozenset[int]) -> float:
        """Return the share of all worth on the days tuned on that the incidents found have."""
        weights = self.weights[TUNED]
        # Summed in order: equal sets have equal worth to the last bit.
        return float(weights[sorted(found)].sum() / weights.sum())


def identity(
    facts: LogFacts, ground: Ground, settings: Settings, *, budget: float, objective: Objective
) -> dict[str, str]:
    """Return, in words, what the outcomes of trials hang on."""
    incidents = [frame.to_dict("records") for frame in ground.incidents.values()]
    ranges = [parameters.ranges() for parameters in settings.detectors.values()]
    return {
        "log": _digest(sorted(facts.digests.items())),
        "list of incidents": _digest(incidents),
        "configuration": _digest(
            [_as_object(settings.detectors), settings.max_late, settings.dedupe_memory, settings.stores]
        ),
        "version of the ranges": _digest(ranges),
        "split": ground.parts.held_out.isoformat(),
        "budget": f"{budget:g}",
        "objective": objective,
    }


def _as_object(parameters: Mapping[str, Parameters]) -> msgspec.Struct:
    # A mapping would be sorted by its keys, and studies of earlier versions would have another digest.
    fields = msgspec.defstruct("Detectors", list(parameters))
    return fields(**parameters)


def _digest(content: Any) -> str:
    encoded = msgspec.json.encode(content, enc_hook=str, order="deterministic")
    return blake2b(encoded, digest_size=8).hexdigest()


def _within(incidents: pd.DataFrame, facts: LogFacts) -> pd.DataFrame:
    """Return the incidents of the log's own stores and times."""
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
