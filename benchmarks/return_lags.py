"""How late goods come back, in a real shop and simulated: ``python -m benchmarks.return_lags``.

The real ones are the refund lines of Online Retail whose customer is known. Their sale is the customer's
newest earlier one of the article. Early in the log a long time could not be seen yet, so the rows about long
times and about goods without a sale count refunds from day 180 on.
"""

from __future__ import annotations

import csv
import gzip
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from data_gen.honest.refunds import LONGEST_RETURN, UNKNOWN_SALE, lag

RETURNS: Final = Path(__file__).with_name("data") / "online_retail_returns.csv.gz"
DRAWS: Final = 100_000
LONG: Final = 90


class ReturnedLine(NamedTuple):
    """A refund line: the day of the log, and the days since the sale; None where there is no earlier one."""

    day: float
    lag: float | None


def real() -> Iterator[ReturnedLine]:
    """Read the refund lines of the real shop."""
    with gzip.open(RETURNS, "rt", newline="") as file:
        for row in csv.DictReader(file):
            yield ReturnedLine(float(row["day"]), float(row["lag"]) if row["lag"] else None)


def simulated() -> Iterator[ReturnedLine]:
    """Draw as many returns as the log of a simulated store that is long enough would hold."""
    rng = Random(1)
    for _ in range(DRAWS):
        days = lag(rng)
        if days <= LONGEST_RETURN:
            is_known = rng.random() >= UNKNOWN_SALE
            yield ReturnedLine(LONGEST_RETURN, days if is_known else None)


def figures(returned: Iterator[ReturnedLine]) -> dict[str, str]:
    """Return the figures of the table."""
    lines = list(returned)
    lags = sorted(line.lag for line in lines if line.lag is not None)
    later = [line for line in lines if line.day >= LONGEST_RETURN]
    seen = [line.lag for line in later if line.lag is not None and line.lag <= LONGEST_RETURN]
    unknown = sum(line.lag is None for line in later)
    return {
        "lines": f"{len(lines):,}",
        "median, days": f"{statistics.median(lags):.1f}",
        "90 % within, days": f"{lags[len(lags) * 9 // 10]:.1f}",
        "on the same day": _share(lags, lambda days: days < 1),
        f"longer than {LONG} days, of those within {LONGEST_RETURN}": _share(seen, lambda days: days > LONG),
        "no earlier sale in the store": f"{unknown / len(later):.1%}",
    }


def _share(lags: list[float], holds: Callable[[float], bool]) -> str:
    return f"{sum(map(holds, lags)) / len(lags):.1%}"


def main() -> None:
    columns = [figures(real()), figures(simulated())]
    print("| | Online Retail | simulator |\n| --- | --- | --- |")
    for name in columns[0]:
        print(f"| {name} | {' | '.join(column[name] for column in columns)} |")


if __name__ == "__main__":
    main()
