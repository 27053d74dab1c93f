"""Anomaly detectors as an analyst would write them."""

from __future__ import annotations

import math
from typing import Any

from river.base import AnomalyDetector


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
