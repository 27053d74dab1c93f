"""Scores as data: what a model thought of every moment, whether it alerted or not."""

import msgspec


class Score(msgspec.Struct, frozen=True, rename="camel"):
    """One judgement of a model.

    Parameters
    ----------
    detector, store_id
        Which model, and of which store.
    subject
        The cashier, or the store itself.
    start, end
        The interval that was judged, in epoch milliseconds; a cashier's day starts with its first refund.
    observed, expected, lower, upper
        The count, what is usual, and between what nearly all fall.
    component
        What was rarest.
    score
        One minus the share of honest intervals as unusual as this; None while the model is learning.
    silent
        Why there is no score yet, or None.

    Examples
    --------
    >>> Score("sales_deviation", "s", "s", 0, 900_000, 3, 2.5, 0, 6, "quarter", 0.4).silent is None
    True
    """

    detector: str
    store_id: str
    subject: str
    start: int
    end: int
    observed: int
    expected: float
    lower: int
    upper: int
    component: str
    score: float | None
    silent: str | None = None
