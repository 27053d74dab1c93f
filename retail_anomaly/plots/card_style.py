"""How a scorecard's rows and intervals are drawn."""

from typing import Any, Final

import numpy as np
import pandas as pd

ROW_COLOURS: Final = {"Alerts": "#0068b5", "Random": "#c77700", "Perfect": "#00846b"}
ROW_SYMBOLS: Final = {"Alerts": "circle", "Random": "diamond", "Perfect": "star"}


def error_bars(middle: pd.Series, low: pd.Series, high: pd.Series) -> dict[str, Any]:
    """Return an interval as the arms of an error bar."""
    return {
        "type": "data",
        "symmetric": False,
        "array": (high - middle).clip(lower=0).fillna(0),
        "arrayminus": (middle - low).clip(lower=0).fillna(0),
        "width": 4,
    }


def interval_texts(rows: pd.DataFrame, digits: str) -> list[str]:
    """Return each interval as the end of a hover text."""
    return [
        "" if np.isnan(low) else f", 95 % interval {low:{digits}} to {high:{digits}}"
        for low, high in zip(rows["low"], rows["high"], strict=True)
    ]
