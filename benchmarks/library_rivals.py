"""Rivals from PySAD and scikit-learn: xStream, LODA and an isolation forest that is grown anew every week."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
from river import preprocessing
from sklearn.ensemble import IsolationForest

Features = dict[str, float]
Setting = dict[str, Any]
_LEAST: Final = 100  # samples


class Pysad:
    """A model of PySAD on standardised features; `name` is its class in `pysad.models`."""

    def __init__(self, name: str, setting: Setting) -> None:
        # Here, because the import takes seconds and most who import the benchmarks never make one.
        from pysad import models

        self._model = getattr(models, name)(random_state=1, **setting)
        self._scaler = preprocessing.StandardScaler()
        self._seen = 0

    def score_one(self, x: Features) -> float:
        return float(np.squeeze(self._model.score_partial(self._vector(x)))) if self._seen else 0.0

    def learn_one(self, x: Features) -> None:
        self._scaler.learn_one(x)
        self._model.fit_partial(self._vector(x))
        self._seen += 1

    def _vector(self, x: Features) -> Any:
        return np.array(list(self._scaler.transform_one(x).values()))


def forest_scores(samples: Sequence[Any], setting: Setting) -> list[float]:
    """Score each sample by a forest of the weeks before; the samples are in order of time."""
    scores: list[float] = []
    past: list[list[float]] = []
    for _, group in groupby(samples, key=lambda sample: sample.day // 7):
        week = [list(sample.features.values()) for sample in group]
        if len(past) < _LEAST:
            scores += [0.0] * len(week)
        else:
            forest = IsolationForest(n_estimators=setting["n_estimators"], random_state=1)
            forest.fit(np.array(past[-setting["window"] :]))
            scores += [float(score) for score in -forest.score_samples(np.array(week))]
        past += week
    return scores
