"""One row of a scorecard's frames."""

import pandas as pd


def row_of(frame: pd.DataFrame, row: str) -> pd.DataFrame:
    """Return the part of a scorecard's frame that is about ``Alerts``, ``Null``, ``Random`` or ``Perfect``.

    Examples
    --------
    >>> index = pd.MultiIndex.from_tuples([("Null", "recall")], names=["row", "measure"])
    >>> row_of(pd.DataFrame({"estimate": [0.0]}, index), "Null").to_dict("index")
    {'recall': {'estimate': 0.0}}
    """
    return frame.loc[[row]].droplevel("row")
