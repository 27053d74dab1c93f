"""Scores: a model's judgement of every interval, with or without an alert."""

import msgspec


class Score(msgspec.Struct, frozen=True, rename="camel"):
    """One judgement of a model.

    Parameters
    ----------
    detector, store_id
        The model, and the store.
    subject
        The cashier, or the store itself.
    start, end
        The interval that was judged, in epoch milliseconds; a cashier's day starts with its first refund.
    observed, expected
        The count of the interval, and the count that is usual.
    lower, upper
        The range of nearly all honest counts.
    component
        The rarest part of the judgement.
    score
        One minus the share of honest intervals that are as unusual; None while the model is learning.
    silent
        The reason why there is no score yet, or None.
    relearned_on
        The day on which the model accepted the subject's newest level, as a date; None: it never did.

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
    relearned_on: str | None = None
