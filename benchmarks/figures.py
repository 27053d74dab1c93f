"""The figures of the benchmarks, each with its unit and its floor from the same run."""

from collections.abc import Callable, Iterable

import msgspec
from rich.table import Table


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured figure.

    Parameters
    ----------
    part
        The benchmark it comes from.
    what
        The thing that was measured.
    unit
        Its unit.
    value
        The figure.
    floor
        The same measurement of the least that could do the job, taken in the same run.
    x, x_name
        For a figure that is one of a line: its place, and the name of that axis.
    """

    part: str
    what: str
    unit: str
    value: float
    floor: float | None = None
    x: float | None = None
    x_name: str = ""


def median(values: Iterable[float]) -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def medians(repeat: int, **measured: Callable[[], dict[str, float]]) -> dict[str, dict[str, float]]:
    """Measure several things in turn, so that a change of the machine's speed affects all of them."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in measured}
    for _ in range(repeat):
        for name, measure in measured.items():
            runs[name].append(measure())
    return {
        name: {key: median(run[key] for run in results) for key in results[0]}
        for name, results in runs.items()
    }


def table(figures: Iterable[Figure]) -> Table:
    """Return the figures as a table to be printed."""
    shown = Table("part", "what", "unit", "floor", "measured", "of the floor")
    for column in shown.columns[3:]:
        column.justify = "right"
    for figure in figures:
        at = "" if figure.x is None else f", {figure.x:,g} {figure.x_name}"
        floor = "" if figure.floor is None else short(figure.floor)
        share = f"{figure.value / figure.floor:.0%}" if figure.floor else ""
        shown.add_row(figure.part, figure.what + at, figure.unit, floor, short(figure.value), share)
    return shown


def short(value: float) -> str:
    """Return a figure with its significant digits only."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.3g}"
