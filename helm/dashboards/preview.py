"""A picture of a dashboard without Grafana: its own queries, drawn with Plotly.

What Grafana does to a query's answer before it draws (variables, aliases, transformations) is done here
as far as the dashboards use it; tests look at the same tables.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import plotly.graph_objects as go
from plotly.subplots import make_subplots

Row: TypeAlias = dict[str, Any]
Run: TypeAlias = Callable[[str], list[Row]]
"""Runs InfluxQL; rows hold tags and columns by name, `time` in epoch nanoseconds."""

_BEFORE_GROUPS: Final = re.compile(r"\bGROUP BY\b")
_TAG: Final = re.compile(r'"(\w+)"')
_AGGREGATE: Final[dict[str, Callable[[list[Any]], Any]]] = {"count": len, "sum": sum, "max": max}


def expanded(query: str, start: int, end: int, interval: str = "30m") -> str:
    """Put values for Grafana's variables into a query: a time in epoch milliseconds, and all of the rest."""
    given = {
        "$timeFilter": f"time >= {start}ms AND time <= {end}ms",
        "$__interval": interval,
        "$store": ".*",
        "$type": ".*",
    }
    for name, value in given.items():
        query = query.replace(name, value)
    return query


def answer(panel: Mapping[str, Any], run: Run, start: int, end: int) -> list[Row]:
    """Return what a panel of InfluxDB shows: the rows of its queries after its transformations."""
    found: list[Row] = []
    for target in panel["targets"]:
        query = target["query"]
        groups = _BEFORE_GROUPS.split(query)[1:]
        tags = _TAG.findall(groups[0]) if groups else []
        for row in run(expanded(query, start, end)):
            alias = target.get("alias", "")
            columns = {name: value for name, value in row.items() if name != "time" and name not in tags}
            if target["resultFormat"] == "table":
                found.append(row)
                continue
            for column, value in columns.items():
                name = alias.replace("$col", column) or column
                for tag in tags:
                    name = name.replace(f"$tag_{tag}", str(row.get(tag)))
                found.append({"time": row["time"], "series": name, "value": value})
    for step in panel.get("transformations", ()):
        found = _TRANSFORMATIONS[step["id"]](found, step["options"])
    return found


def picture(board: Mapping[str, Any], run: Run, start: int, end: int) -> go.Figure:
    """Return a dashboard as one figure, a row a panel of InfluxDB's.

    Parameters
    ----------
    board
        The dashboard as Grafana reads it.
    run
        Runs InfluxQL.
    start, end
        The time shown, in epoch milliseconds.
    """
    panels = board["panels"]
    kinds = {"stat": "domain", "table": "domain"}
    columns = 2
    rows = -(-len(panels) // columns)
    figure = make_subplots(
        rows,
        columns,
        specs=[
            [
                {"type": kinds.get(panels[n]["type"], "xy") if n < len(panels) else "xy"}
                for n in range(row * columns, (row + 1) * columns)
            ]
            for row in range(rows)
        ],
        subplot_titles=[panel["title"] for panel in panels],
        vertical_spacing=0.35 / max(rows, 1),
    )
    for n, panel in enumerate(panels):
        place = {"row": n // columns + 1, "col": n % columns + 1}
        for trace in _traces(panel, answer(panel, run, start, end)):
            figure.add_trace(trace, **place)
    figure.update_layout(
        title=board["title"],
        height=330 * rows,
        width=1500,
        barmode="stack",
        template="plotly_white",
        showlegend=False,
    )
    return figure


def _traces(panel: Mapping[str, Any], rows: Sequence[Row]) -> list[Any]:
    if panel["type"] == "stat":
        values = [row["value"] for row in rows if row["value"] is not None]
        percent = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
        form = {"valueformat": ".1%" if percent else ",.4~g"}
        return [go.Indicator(mode="number", value=sum(values), number=form)]
    if panel["type"] == "table":
        names = list(rows[0]) if rows else []
        cells = [[_shown(name, row.get(name)) for row in rows[:8]] for name in names]
        return [go.Table(header={"values": names}, cells={"values": cells, "align": "left"})]
    if panel["type"] == "barchart":
        by = panel["options"]["xField"]
        value = next(name for name in rows[0] if name not in (by, "time")) if rows else "value"
        return [go.Bar(x=[row[value] for row in rows], y=[row[by] for row in rows], orientation="h")]
    colours = {
        each["matcher"]["options"]: each["properties"][0]["value"]["fixedColor"]
        for each in panel["fieldConfig"]["overrides"]
        if each["properties"][0]["id"] == "color"
    }
    is_columns = panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"
    traces = []
    for name in dict.fromkeys(row["series"] for row in rows):
        points = [row for row in rows if row["series"] == name and row["value"] is not None]
        x, y = [_time(row["time"]) for row in points], [row["value"] for row in points]
        colour = colours.get(name)
        if is_columns:
            traces.append(go.Bar(x=x, y=y, name=name, marker_color=colour))
        else:
            traces.append(go.Scatter(x=x, y=y, name=name, line_color=colour, mode="lines+markers"))
    return traces


def _organize(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    kept = options.get("includeByName")
    names = list(options.get("indexByName") or (rows[0] if rows else ()))
    return [
        {
            options["renameByName"].get(name, name): row.get(name)
            for name in names
            if kept is None or kept.get(name)
        }
        for row in rows
    ]


def _group(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    by = [name for name, what in options["fields"].items() if what["operation"] == "groupby"]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return [
        dict(zip(by, key, strict=True))
        | {
            f"{name} ({how})": _AGGREGATE[how]([row[name] for row in members if row[name] is not None])
            for name, what in options["fields"].items()
            for how in what["aggregations"]
        }
        for key, members in groups.items()
    ]


def _sort(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    (how,) = options["sort"]
    return sorted(rows, key=lambda row: row[how["field"]], reverse=how["desc"])


def _limit(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    return rows[: options["limitField"]]


_TRANSFORMATIONS: Final = {"organize": _organize, "groupBy": _group, "sortBy": _sort, "limit": _limit}


def _time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)


def _shown(name: str, value: Any) -> str:
    if name in ("Time", "time"):
        return f"{_time(value):%m-%d %H:%M}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
