"""The figures of the comparison as the tables of docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks.model_worlds import REFUNDS, SALES

OURS = "ours"
_AND_MORE = ", the median of minutes from its start, and the share that began while an episode was open"
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
        more = "" if detector == REFUNDS else _AND_MORE
        yield f"\nRecall of ours by scenario{more}:\n"
        yield from _by_scenario([row for row in rows if row["method"] == OURS])
        yield ""
    yield "### How the models behave\n"
    behaviour = figures["behaviour"]
    names = list(next(iter(behaviour.values())))
    yield from _table(
        ("", *behaviour), [(name, *(_spans(of[name]) for of in behaviour.values())) for name in names]
    )
    yield "\n### Cost\n"
    yield from _cost(figures["cost"])
    yield "\n### Settings that counted\n"
    yield from _table(
        ("detector", "method", "setting"),
        [
            (*name.split("/"), ", ".join(f"{key} {value}" for key, value in setting.items()) or "default")
            for name, setting in figures["settings"].items()
        ],
    )


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
    return recall if minutes is None else f"{recall} ({minutes} min), {row['within'][kind]:.2f}"


def _cost(cost: dict[str, dict[str, float]]) -> Iterator[str]:
    events = sum(of["events"] for of in cost.values())
    names = [name for name in next(iter(cost.values())) if name != "events"]
    rows = []
    for name in names:
        average = sum(of[name] * of["events"] for of in cost.values()) / events
        rows.append((name, *(f"{of[name]:.1f}" for of in cost.values()), f"{average:.1f}"))
    yield from _table(("us of processor time a POS event", *cost, "all events"), rows)


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
