"""The figures of the comparison as the tables of docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.model_worlds import REFUNDS, SALES

OURS = "ours"
_FIGURES = {"ap": "average precision", "recall": "recall", "precision": "precision"}


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of all tables, in Markdown."""
    for detector in (REFUNDS, SALES):
        rows = [row for row in figures["comparison"] if row["detector"] == detector]
        yield f"### `{detector}`\n"
        yield from _table(
            ("volume", "method", *_FIGURES.values()),
            [(row["volume"], row["method"], *(_cell(row, name) for name in _FIGURES)) for row in rows],
        )
        yield "\nRecall of ours by scenario, and the median of minutes from its start where it is known:\n"
        yield from _by_scenario([row for row in rows if row["method"] == OURS])
        yield ""
    yield "### How the models behave\n"
    behaviour = figures["behaviour"]
    names = list(next(iter(behaviour.values())))
    yield from _table(
        ("", *behaviour), [(name, *(_spans(of[name]) for of in behaviour.values())) for name in names]
    )
    settings = "; ".join(f"{name} {setting}" for name, setting in figures["settings"].items() if setting)
    yield f"\nSettings chosen, where not the first: {settings}"


def _cell(row: dict[str, Any], name: str) -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:.2f} ({low:.2f} to {high:.2f})"


def _by_scenario(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    kinds = sorted({kind for row in rows for kind in row["by_scenario"]})
    yield from _table(
        ("volume", *kinds),
        [(row["volume"], *(_recall(row, kind) for kind in kinds)) for row in rows],
    )


def _recall(row: dict[str, Any], kind: str) -> str:
    minutes = row.get("minutes", {}).get(kind)
    recall = f"{row['by_scenario'].get(kind, 0):.2f}"
    return recall if minutes is None else f"{recall} ({minutes} min)"


def _spans(value: Any) -> str:
    if not isinstance(value, dict):
        return f"{value:.2f}"
    return ", ".join(f"day {span}: {share:.2f}" for span, share in value.items())


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    headings = list(headings)
    yield "| " + " | ".join(headings) + " |"
    yield "|" + " --- |" * len(headings)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
