"""The columns that a frame must have."""

from collections.abc import Iterable

import pandas as pd


def expect_columns(frame: pd.DataFrame, columns: Iterable[str], name: str) -> None:
    """Raise an error if a frame lacks a column.

    Raises
    ------
    ValueError
        It lacks some; the message names them.

    Examples
    --------
    >>> expect_columns(pd.DataFrame({"store_id": []}), ("store_id", "amount"), "events")
    Traceback (most recent call last):
    ...
    ValueError: events: a column is missing: amount
    """
    missing = [column for column in columns if column not in frame]
    if missing:
        raise ValueError(
            f"{name}: {'columns are' if len(missing) > 1 else 'a column is'} missing: {', '.join(missing)}"
        )
