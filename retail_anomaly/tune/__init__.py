"""Tuning: the parameters that find most within a budget of alerts.

`tune` is the whole of it. It is loaded when it is first asked for: Optuna and pandas take longer to
import than the other commands to run.

Examples
--------
>>> from retail_anomaly.tune import tune
>>> tune([], None, budget=0)
Traceback (most recent call last):
retail_anomaly.tune.TuneUsageError: --budget: expected alerts a store-day, more than 0, got 0
"""

from typing import TYPE_CHECKING, Any

from retail_anomaly.core.errors import RetailAnomalyError, UsageError
from retail_anomaly.core.extras import extra_imports

if TYPE_CHECKING:
    from retail_anomaly.tune.procedure import tune
    from retail_anomaly.tune.tuning import Tuning

__all__ = ["TuneError", "TuneUsageError", "Tuning", "tune"]


class TuneError(RetailAnomalyError, ValueError):
    """These detectors can't be tuned, or not that way; the text is one line that says what to do next."""


class TuneUsageError(UsageError, TuneError):
    """An argument of `tune` makes no sense, whatever the log: a command ends with exit code 2."""


def __getattr__(name: str) -> Any:
    if name == "tune":
        with extra_imports():
            from retail_anomaly.tune.procedure import tune
        return tune
    if name == "Tuning":
        with extra_imports():
            from retail_anomaly.tune.tuning import Tuning
        return Tuning
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
