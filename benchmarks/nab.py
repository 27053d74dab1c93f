"""The sales model on series of the Numenta Anomaly Benchmark: ``python -m benchmarks.nab``.

The model gets counts in place of receipts. It judges at its default limit, which was not chosen on these
series. Its rivals have no limit of their own, so that the best one is shown for all.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from river import anomaly, compose, preprocessing

from benchmarks.nab_score import NabScore, Window, nab_score
from benchmarks.simple_rivals import Cusum, Ewma, SeasonalMedian, SeasonalTails
from retail_anomaly.core.local_time import QUARTER, LocalTime
from retail_anomaly.detectors.sales_deviation import SalesDeviationParameters
from retail_anomaly.models.sales import SalesHistory, SalesModel

DATA: Final = Path(__file__).with_name("data")
COUNTS: Final = (
    "realKnownCause/nyc_taxi.csv",
    "realAWSCloudwatch/elb_request_count_8c0756.csv",
    *(
        f"realTweets/Twitter_volume_{name}.csv"
        for name in ("AAPL", "AMZN", "CRM", "CVS", "FB", "GOOG", "IBM", "KO", "PFE", "UPS")
    ),
)
"""Those of its series that are counts of something."""
LIMIT: Final = SalesDeviationParameters().false_alarms
_DAY: Final = 96 * QUARTER
_HOUR: Final = 4 * QUARTER


@dataclass
class Series:
    """Counts of equal spans of time, and the rows that are anomalies."""

    name: str
    times: list[int]
    counts: list[float]
    windows: list[Window]

    @cached_property
    def span(self) -> int:
        return min(later - at for at, later in zip(self.times, self.times[1:], strict=False))

    @cached_property
    def per_day(self) -> int:
        return _DAY // self.span


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nab", description=__doc__)
    parser.add_argument(
        "--nab", type=Path, help="a copy of NAB's repository, for its other series that are counts"
    )
    options = parser.parse_args(arguments)
    print(
        "| series | method | at its own limit | found | false alerts | the same by rows | at the best limit |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for series in _all(options.nab):
        for name, score in METHODS.items():
            scores = score(series)
            own = _by_alerts(scores, -math.log10(LIMIT), series) if name in HAVE_LIMIT else None
            rows = _by_rows(scores, -math.log10(LIMIT), series) if name in HAVE_LIMIT else None
            best = max(_by_alerts(scores, limit, series).score for limit in _limits(scores))
            cells = ("", "", "", "")
            if own and rows:
                found = f"{own.found} of {len(series.windows)}"
                by_rows = f"{rows.score:.1f} ({rows.false_rows} false)"
                cells = (f"{own.score:.1f}", found, str(own.false_rows), by_rows)
            print("| " + " | ".join(map(str, (series.name, name, *cells, f"{best:.1f}"))) + " |")
    return 0


def _all(folder: Path | None) -> Iterator[Series]:
    if folder is None:
        windows = json.loads((DATA / "nyc_taxi_windows.json").read_text("utf-8"))
        with gzip.open(DATA / "nyc_taxi.csv.gz", "rt", newline="") as lines:
            yield read("nyc_taxi", lines, windows)
        return
    labels = json.loads((folder / "labels" / "combined_windows.json").read_text("utf-8"))
    for name in COUNTS:
        with (folder / "data" / name).open(newline="") as lines:
            yield read(Path(name).stem, lines, labels[name])


def read(name: str, lines: Any, windows: Sequence[Sequence[str]]) -> Series:
    """Read a series in NAB's format, a CSV file of `timestamp` and `value`."""
    rows = [(_time(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]
    times = [time for time, _ in rows]
    places = [Window(*(times.index(_time(time)) for time in window)) for window in windows]
    return Series(name, times, [value for _, value in rows], places)


def _time(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


# --- detections ---


def _limits(scores: Sequence[float]) -> Sequence[float]:
    """Return limits among which the best one is: each of the highest scores, and fewer of the lower ones."""
    ranked = sorted(set(scores), reverse=True)
    return [*ranked[:40], *ranked[40:400:10]]


def _by_rows(scores: Sequence[float], limit: float, series: Series) -> NabScore:
    """Take each row beyond the limit for a detection, as NAB does."""
    return nab_score([score >= limit for score in scores], series.windows, series.per_day)


def _by_alerts(scores: Sequence[float], limit: float, series: Series) -> NabScore:
    """Take the row at which an alert is sent for a detection: it stays open until an hour is quiet."""
    detected = [False] * len(scores)
    before = -math.inf
    for row, score in enumerate(scores):
        if score >= limit:
            time = series.times[row]
            detected[row] = time - before > max(_HOUR, series.span) or time // _DAY != before // _DAY
            before = time
    return nab_score(detected, series.windows, series.per_day)


# --- methods ---


def ours(series: Series) -> list[float]:
    """Score each row by the model of sales, whose receipts are the counts.

    A span longer than a quarter of an hour is divided among its quarters, a shorter one is a part of one.
    """
    model, history, local = SalesModel(), SalesHistory(), LocalTime(ZoneInfo("UTC"))
    row_of: dict[int, int] = {}
    scores = [0.0] * len(series.times)
    blocks = max(series.span // QUARTER, 1)
    for row, (time, count) in enumerate(zip(series.times, series.counts, strict=True)):
        for block in range(time // QUARTER, time // QUARTER + blocks):
            for quarter in model.pass_time(block, local, history):
                chance = max(min(quarter.drop, quarter.spike), 1e-300)
                judged = row_of.get(quarter.end // QUARTER - 1)
                if judged is not None:
                    scores[judged] = max(scores[judged], -math.log10(chance))
            row_of[block] = row
            if model.accepts(block, history):
                history.receipts += round(count / blocks)
                if count:
                    history.last_sale = (block + 1) * QUARTER - 1
    return scores


def _rival(make: Callable[[], Any]) -> Callable[[Series], list[float]]:
    def run(series: Series) -> list[float]:
        model, scores = make(), []
        for time, count in zip(series.times, series.counts, strict=True):
            x = {
                "receipts": count,
                "quarter": float(time % _DAY // max(series.span, QUARTER)),
                "weekday": float(time // _DAY % 7),
            }
            score = float(model.score_one(x))
            scores.append(score if math.isfinite(score) else 0.0)
            model.learn_one(x)
        return scores

    return run


def _trees() -> Any:
    trees = anomaly.HalfSpaceTrees(n_trees=25, height=8, window_size=250, seed=1)
    return compose.Pipeline(preprocessing.MinMaxScaler(), trees)


_SEASON: Final = ("weekday", "quarter")
HAVE_LIMIT: Final = ("ours", "negative-binomial tails")
"""Their scores are chances, so that the detector's limit means the same for them."""
METHODS: Final[dict[str, Callable[[Series], list[float]]]] = {
    "ours": ours,
    "negative-binomial tails": _rival(lambda: SeasonalTails({}, "receipts", _SEASON)),
    "seasonal median": _rival(lambda: SeasonalMedian({}, "receipts", _SEASON)),
    "EWMA": _rival(lambda: Ewma({"weight": 0.2}, "receipts", _SEASON)),
    "CUSUM": _rival(lambda: Cusum({"slack": 0.5, "most": 20}, "receipts", _SEASON)),
    "HalfSpaceTrees": _rival(_trees),
}

if __name__ == "__main__":
    sys.exit(main())
