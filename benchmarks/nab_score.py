"""The score of the Numenta Anomaly Benchmark: early detections count, and false ones cost.

Written from its description: A. Lavin and S. Ahmad, *Evaluating Real-Time Anomaly Detection Algorithms, the
Numenta Anomaly Benchmark*, IEEE ICMLA 2015, and the benchmark's own notes on version 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp
from typing import Final, NamedTuple

PROBATION: Final = 0.15
_PROBATION_AT_MOST: Final = 750
_FALSE_COST: Final = 0.11
"""The weights of the profile `standard`: a window that is found or missed counts 1."""
_FAR: Final = 3.0


class Window(NamedTuple):
    """The first and the last row of an anomaly; rows count from 0."""

    first: int
    last: int


class NabScore(NamedTuple):
    """What a series of detections is worth.

    Parameters
    ----------
    score
        100 for each window found at its first row and nothing else, 0 for no detection at all.
    found
        Windows with a detection.
    false_rows, false_episodes
        Detections outside of windows; those at most a day apart, by `row_per_day`, are one episode.
    """

    score: float
    found: int
    false_rows: int
    false_episodes: int


def probation(rows: int) -> int:
    """Return how many rows of a series are there to learn from only."""
    return int(min(PROBATION * rows, _PROBATION_AT_MOST))


def nab_score(detected: Sequence[bool], windows: Sequence[Window], rows_per_day: int) -> NabScore:
    """Score detections, one for each row, by the profile `standard`.

    Examples
    --------
    >>> windows = [Window(60, 69)]
    >>> nab_score([row == 60 for row in range(100)], windows, 10).score
    100.0
    >>> nab_score([False] * 100, windows, 10).score
    0.0
    >>> nab_score([row in (30, 60) for row in range(100)], windows, 10)
    NabScore(score=94.5, found=1, false_rows=1, false_episodes=1)
    """
    begin = probation(len(detected))
    rows = [row for row in range(begin, len(detected)) if detected[row]]
    worth = {window: max((_found(row, window) for row in rows if _within(row, window)), default=-1.0)
             for window in windows}  # fmt: skip
    false = [row for row in rows if not any(_within(row, window) for window in windows)]
    raw = sum(worth.values()) + sum(_false(row, windows) for row in false)
    episodes = sum(number == 0 or row - false[number - 1] > rows_per_day for number, row in enumerate(false))
    return NabScore(
        round(100 * (raw + len(windows)) / (2 * len(windows)), 4),
        sum(value > -1 for value in worth.values()),
        len(false),
        episodes,
    )


def _within(row: int, window: Window) -> bool:
    return window.first <= row <= window.last


def _sigmoid(place: float) -> float:
    """Return the worth of a place: near 1 at -1, a window's beginning; 0 at its end, near -1 behind it."""
    return -1.0 if place >= _FAR else 2 / (1 + exp(5 * place)) - 1


def _found(row: int, window: Window) -> float:
    width = window.last - window.first + 1
    return _sigmoid(-(window.last - row + 1) / width) / _sigmoid(-1.0)


def _false(row: int, windows: Sequence[Window]) -> float:
    """Return the cost of a false detection; soon after a window it costs less."""
    before = [window for window in windows if window.last < row]
    if not before:
        return -_FALSE_COST
    window = max(before, key=lambda each: each.last)
    return _FALSE_COST * _sigmoid((row - window.last) / max(window.last - window.first, 1))
