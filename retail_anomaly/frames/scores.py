"""The models' scores as a frame."""

from collections.abc import Iterable

import pandas as pd

from retail_anomaly.core.score import Score
from retail_anomaly.frames.times import utc_times


def scores_frame(scores: Iterable[Score]) -> pd.DataFrame:
    """Return the models' scores as a DataFrame: one row each, times as UTC timestamps.

    Examples
    --------
    >>> scores_frame([]).columns[:5].tolist()
    ['detector', 'store_id', 'subject', 'start', 'end']
    """
    fields = Score.__struct_fields__
    frame = pd.DataFrame([[getattr(s, f) for f in fields] for s in scores], columns=list(fields))
    for field in ("start", "end"):
        frame[field] = utc_times(frame[field])
    return frame.astype({"score": "float64", "expected": "float64"})
