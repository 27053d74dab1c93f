"""Anomaly detectors as an analyst would write them."""

from __future__ import annotations

import math
from typing import Any

from river import anomaly, compose, forest, preprocessing, stats
from river.base import AnomalyDetector, SupervisedAnomalyDetector


class Counting(AnomalyDetector):
    """A detector that finds each event stranger than the one before."""

    def __init__(self, step: int = 1) -> None:
        if step <= 0:
            raise ValueError("step: expected more than 0")
        self.step = step
        self.learned = 0

    def learn_one(self, x: dict[Any, Any]) -> None:
        self.learned += self.step

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(self.learned)


class Refunds(AnomalyDetector):
    """A detector whose score is the number of refunds, and sometimes not a number."""

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn nothing."""

    def score_one(self, x: dict[Any, Any]) -> float:
        return math.nan if x["refunds"] == 3 else float(x["refunds"])


class Breaking(AnomalyDetector):
    """A detector that works when it is tried out, and fails at the second refund of a day."""

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Learn nothing."""

    def score_one(self, x: dict[Any, Any]) -> float:
        if x["refunds"] == 2:
            raise LookupError("no neighbours")
        return 0.0


class Surprise(SupervisedAnomalyDetector):
    """A forest that learns whether there is more than usual; a score is how unlikely it found the answer."""

    def __init__(self, n_models: int = 2) -> None:
        self.n_models = n_models
        self.forest = forest.ARFClassifier(n_models=n_models, grace_period=20, leaf_prediction="mc", seed=1)

    def learn_one(self, x: dict[Any, Any], y: Any) -> None:
        self.forest.learn_one(_without_target(x), y > 0)

    def score_one(self, x: dict[Any, Any], y: Any) -> float:
        return 1 - self.forest.predict_proba_one(_without_target(x)).get(y > 0, 0.5)


def _without_target(x: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in x.items() if name != "excess"}


def _is_count(name: str) -> bool:
    return name != "excess"


def scaled_trees(n_trees: int = 3, seed: int = 5) -> compose.Pipeline:
    """Return a pipeline of features of one's own, a scaler and trees."""
    return compose.Pipeline(
        compose.TransformerUnion(compose.FuncTransformer(_counts), compose.Select("excess")),
        preprocessing.StandardScaler(),
        preprocessing.MinMaxScaler(),
        anomaly.HalfSpaceTrees(n_trees=n_trees, height=4, window_size=30, seed=seed),
    )


def _counts(x: dict[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in x.items() if _is_count(name)}


def scaled_gaussian() -> compose.Pipeline:
    """Return a pipeline that ends in a detector with a target."""
    return compose.Pipeline(preprocessing.StandardScaler(), anomaly.GaussianScorer(grace_period=10))


def filtered_trees() -> anomaly.QuantileFilter:
    """Return trees that learn no more of what they find strange."""
    return anomaly.QuantileFilter(scaled_trees(), q=0.95)


def no_detector() -> stats.Mean:
    """Return something else."""
    return stats.Mean()


def nameless() -> compose.Pipeline:
    """Return a pipeline of two functions that have the same name."""
    return compose.Pipeline(
        ("one", compose.FuncTransformer(lambda x: x)),
        ("other", compose.FuncTransformer(lambda x: x)),
        ("scorer", anomaly.GaussianScorer()),
    )


class Growing(AnomalyDetector):
    """A detector that forgets nothing."""

    def __init__(self, size: int = 50) -> None:
        self.size = size
        self.past: list[float] = []

    def learn_one(self, x: dict[Any, Any]) -> None:
        self.past += [0.5 + len(self.past)] * self.size

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(len(self.past))


class Opening(AnomalyDetector):
    """A detector that holds what can't be stored once it has learned a while."""

    def __init__(self) -> None:
        self.learned = 0
        self.open: Any = None

    def learn_one(self, x: dict[Any, Any]) -> None:
        self.learned += 1
        if self.learned > 10:
            self.open = iter([1])

    def score_one(self, x: dict[Any, Any]) -> float:
        return float(self.learned)
