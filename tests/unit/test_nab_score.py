"""The score of the Numenta Anomaly Benchmark is the one that its authors publish."""

from __future__ import annotations

import gzip
import json
from math import exp
from statistics import stdev

import pytest

from benchmarks.nab import DATA, read
from benchmarks.nab_score import Window, nab_score, probation

ROWS = 1000
WINDOWS = [Window(300, 399), Window(700, 799)]


def detected_at(*rows: int) -> list[bool]:
    return [row in rows for row in range(ROWS)]


def score(*rows: int) -> float:
    return nab_score(detected_at(*rows), WINDOWS, 100).score


def test_nothing_detected_is_worth_0_and_each_window_at_its_first_row_100():
    assert score() == 0
    assert score(300, 700) == 100


def test_a_window_counts_once_and_by_its_earliest_detection():
    assert score(300, 350, 399, 700, 701) == 100
    assert score(300) == 50


def test_the_middle_of_a_window_is_worth_what_the_paper_says():
    # 2 * sigmoid(2.5) - 1 = 0.84828 against 0.98661 at its left edge.
    middle = nab_score(detected_at(350), [Window(300, 399)], 100).score
    assert middle == pytest.approx(100 * (0.84828 / 0.98661 + 1) / 2, abs=0.01)


def test_a_detection_before_any_window_costs_the_whole_weight():
    assert score(200, 300, 700) == pytest.approx(100 - 100 * 0.11 / 4)


def test_a_detection_soon_after_a_window_costs_less_than_a_later_one():
    soon, late = score(300, 404, 700), score(300, 600, 700)
    assert late < soon < 100
    cost = 0.11 * (1 - 2 / (1 + exp(5 * 5 / 99)))
    assert soon == pytest.approx(100 - 100 * cost / 4, abs=1e-3)


def test_detections_of_the_rows_to_learn_from_do_not_count():
    assert probation(ROWS) == 150
    assert probation(10_320) == 750
    assert score(10, 149, 300, 700) == 100


def test_false_rows_at_most_a_day_apart_are_one_episode():
    found = nab_score(detected_at(200, 250, 600), WINDOWS, 100)
    assert (found.false_rows, found.false_episodes, found.found) == (3, 2, 0)


def test_the_taxi_series_is_the_published_one():
    windows = json.loads((DATA / "nyc_taxi_windows.json").read_text("utf-8"))
    with gzip.open(DATA / "nyc_taxi.csv.gz", "rt", newline="") as lines:
        taxi = read("nyc_taxi", lines, windows)
    assert len(taxi.counts) == 10_320
    assert sum(taxi.counts) == 156_219_716
    assert stdev(taxi.counts) == pytest.approx(6939.495808, abs=1e-6)
    assert (min(taxi.counts), max(taxi.counts), taxi.per_day) == (8, 39_197, 48)
    assert [window.last - window.first + 1 for window in taxi.windows] == [207, 207, 207, 207, 207]
