"""The trials of a tuning as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from retail_anomaly.tune.choose import Combination, combined
from retail_anomaly.tune.study import Trial
from retail_anomaly.tune.truth import SplitTruth


def trials_frame(
    base: Mapping[str, Trial], tried: Mapping[str, Sequence[Trial]], truth: SplitTruth
) -> pd.DataFrame:
    """Return one row per trial with the result of all detectors together."""
    rows = []
    for number in range(max(map(len, tried.values()))):
        together = {**base, **{name: found[number] for name, found in tried.items() if number < len(found)}}
        whole = combined(together, truth.worth)
        row: dict[str, Any] = {
            "trial": number + 1,
            "alert_rate": whole.alerts / truth.tuned_store_days,
            "worth": whole.worth,
        }
        for name in tried:
            parameters = together[name].parameters
            row |= {f"{name}.{field}": getattr(parameters, field) for field in type(parameters).ranges()}
        rows.append(row)
    return pd.DataFrame(rows)


def candidates_frame(tried: Mapping[str, Sequence[Trial]], truth: SplitTruth) -> pd.DataFrame:
    """Return one row per trial, detector and parameter with the result of that detector alone."""
    rows = [
        {
            "trial": number,
            "detector": name,
            "parameter": field,
            "value": float(getattr(one.parameters, field)),
            "text": value_text(getattr(one.parameters, field)),
            "alert_rate": one.outcome.alerts / truth.tuned_store_days,
            "worth": truth.worth(frozenset(one.outcome.found)),
        }
        for name, found in tried.items()
        for number, one in enumerate(found, 1)
        for field in type(one.parameters).ranges()
    ]
    return pd.DataFrame(rows)


def frontier_frame(front: Sequence[Combination], truth: SplitTruth) -> pd.DataFrame:
    """Return the frontier as a table."""
    rows = [(one.alerts / truth.tuned_store_days, one.worth) for one in front]
    return pd.DataFrame(rows, columns=["alert_rate", "worth"])


def value_text(value: Any) -> str:
    """Return a parameter's value as a configuration has it.

    Examples
    --------
    >>> value_text(75.0), value_text(3)
    ('75', '3')
    """
    return f"{value:g}" if isinstance(value, float) else str(value)
