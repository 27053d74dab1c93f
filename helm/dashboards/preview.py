"""A picture of a dashboard without Grafana: its own queries, drawn with Plotly.

Grafana changes a query's answer before it draws it: variables, aliases, transformations. This module does the
same, as far as the dashboards need it. Tests read the same tables.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import cycle, groupby
from typing import Any, Final, TypeAlias

import plotly.graph_objects as go
from plotly.colors import qualitative

Row: TypeAlias = dict[str, Any]
Run: TypeAlias = Callable[[str], list[Row]]
"""Runs a query. A row has tags (or labels) and columns by name, and `time` in epoch nanoseconds.
PromQL's column is `value`."""

_BEFORE_GROUPS: Final = re.compile(r"\bGROUP BY\b")
_WIDTH: Final = 1500
_LABEL: Final = re.compile(r"\{\{(\w+)\}\}")
_TAG: Final = re.compile(r'"(\w+)"')
_AGGREGATE: Final[dict[str, Callable[[list[Any]], Any]]] = {"count": len, "sum": sum, "max": max}


def expanded(query: str, start: int, end: int, interval: str = "30m") -> str:
    """Replace Grafana's variables in a query: times in epoch milliseconds, and all stores and types."""
    given = {
        "$timeFilter": f"time >= {start}ms AND time <= {end}ms",
        "$__rate_interval": interval,
        "$__range": f"{(end - start) // 1_000}s",
        "$__interval": interval,
        "$store": ".*",
        "$type": ".*",
    }
    for name, value in given.items():
        query = query.replace(name, value)
    return query


def answer(panel: Mapping[str, Any], run: Run, start: int, end: int, interval: str = "30m") -> list[Row]:
    """Return the rows that a panel shows: those of its queries, after its transformations."""
    found: list[Row] = []
    for target in panel["targets"]:
        if "expr" in target:
            found += [
                {
                    "time": row["time"],
                    "series": _LABEL.sub(lambda name: str(row.get(name[1])), target["legendFormat"]),  # noqa: B023
                    "value": row["value"],
                }
                for row in run(expanded(target["expr"], start, end, interval))
            ]
            continue
        query = target["query"]
        groups = _BEFORE_GROUPS.split(query)[1:]
        tags = _TAG.findall(groups[0]) if groups else []
        for row in run(expanded(query, start, end, interval)):
            alias = target.get("alias", "")
            columns = {name: value for name, value in row.items() if name != "time" and name not in tags}
            if target["resultFormat"] == "table":
                # Grafana names the first column Time.
                found.append(
                    {"Time": row["time"], **columns, **{tag: row[tag] for tag in tags if tag in row}}
                )
                continue
            for column, value in columns.items():
                name = alias.replace("$col", column) or column
                for tag in tags:
                    name = name.replace(f"$tag_{tag}", str(row.get(tag)))
                found.append({"time": row["time"], "series": name, "value": value})
    for step in panel.get("transformations", ()):
        found = _TRANSFORMATIONS[step["id"]](found, step["options"])
    return found


def picture(board: Mapping[str, Any], run: Run, start: int, end: int, interval: str = "30m") -> go.Figure:
    """Return a dashboard as one figure, its panels where Grafana has them.

    Parameters
    ----------
    board
        The dashboard as Grafana reads it.
    run
        Runs the queries.
    start, end
        The time shown, in epoch milliseconds.
    interval
        The distance between points.
    """
    figure = go.Figure()
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
    layout: dict[str, Any] = {}
    for n, panel in enumerate(board["panels"], 1):
        place = panel["gridPos"]
        x = [place["x"] / 24 + 0.025, (place["x"] + place["w"]) / 24 - 0.01]
        y = [1 - (place["y"] + place["h"] - 2.0) / bottom, 1 - (place["y"] + 1.0) / bottom]
        figure.add_annotation(
            text=panel["title"], x=x[0], y=y[1], xref="paper", yref="paper", xanchor="left", yanchor="bottom",
            showarrow=False, font_size=14,
        )  # fmt: skip
        names: dict[str, str] = {}
        for trace in _traces(panel, answer(panel, run, start, end, interval)):
            if isinstance(trace, go.Indicator | go.Table):
                trace.domain = {"x": x, "y": y}
            else:
                trace.update(xaxis=f"x{n}", yaxis=f"y{n}", showlegend=False)
                if trace.name:
                    names[trace.name] = trace.meta
                layout[f"xaxis{n}"] = {"domain": x, "anchor": f"y{n}"}
                layout[f"yaxis{n}"] = {"domain": y, "anchor": f"x{n}", "rangemode": "tozero"}
            figure.add_trace(trace)
        figure.add_annotation(
            text=_legend(names, int(place["w"] / 24 * _WIDTH / 7)), x=x[0], y=y[0] - 0.8 / bottom,
            xref="paper", yref="paper", xanchor="left", yanchor="top", align="left", showarrow=False,
            font_size=10,
        )  # fmt: skip
        for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])[1:]:
            figure.add_hline(step["value"], line_dash="dash", line_color=step["color"])
            figure.layout.shapes[-1].update(xref=f"x{n} domain", yref=f"y{n}")
    return figure.update_layout(
        title=board["title"],
        height=44 * bottom,
        width=_WIDTH,
        barmode="stack",
        template="plotly_white",
        **layout,
    )


def _legend(names: Mapping[str, str], width: int) -> str:
    """Return the names in their colours, on lines of so many characters: Plotly's legends overlap."""
    lines, used = [""], 0
    for name, colour in names.items():
        if used and used + len(name) > width:
            lines.append("")
            used = 0
        lines[-1] += f'<span style="color:{colour}">■ {name}</span>   '
        used += len(name) + 4
    return "<br>".join(lines)


def _traces(panel: Mapping[str, Any], rows: Sequence[Row]) -> list[Any]:
    if panel["type"] == "stat":
        value = next((row["value"] for row in reversed(rows) if row["value"] is not None), 0)
        defaults = panel["fieldConfig"]["defaults"]
        form = ".1%" if defaults["unit"] == "percentunit" else f",.{defaults.get('decimals', 2)}~f"
        number = {"valueformat": form if value < 10_000 else ",.0f", "font_size": 40}
        return [go.Indicator(mode="number", value=value, number=number)]
    if panel["type"] == "table":
        names = list(rows[0]) if rows else []
        cells = [[_shown(name, row.get(name)) for row in rows[:8]] for name in names]
        widths = [min(6.0, max(1.5, max(map(len, column)) / 6)) for column in cells]
        return [
            go.Table(columnwidth=widths, header={"values": names}, cells={"values": cells, "align": "left"})
        ]
    if panel["type"] == "barchart":
        by = panel["options"]["xField"]
        value = next(name for name in rows[0] if name not in (by, "Time")) if rows else "value"
        return [go.Bar(x=[row[value] for row in rows], y=[row[by] for row in rows], orientation="h")]
    styles = {
        each["matcher"]["options"]: {part["id"]: part["value"] for part in each["properties"]}
        for each in panel["fieldConfig"]["overrides"]
    }
    is_columns = panel["fieldConfig"]["defaults"].get("custom", {}).get("drawStyle") == "bars"
    traces: list[Any] = []
    series: dict[str, list[Row]] = {}
    for row in rows:
        series.setdefault(row["series"], []).append(row)
    below = {style["custom.fillBelowTo"] for style in styles.values() if "custom.fillBelowTo" in style}
    for name, points, free in zip(series, series.values(), cycle(qualitative.Plotly), strict=False):
        x, y = [_time(row["time"]) for row in points], [row["value"] for row in points]
        style = styles.get(name, {})
        colour = style.get("color", {}).get("fixedColor") or free
        if name in below:
            continue
        if "custom.fillBelowTo" in style:
            traces += _band(series[style["custom.fillBelowTo"]], points, name)
            continue
        if is_columns:
            traces.append(go.Bar(x=x, y=y, name=name, marker_color=colour, meta=colour))
        else:
            line = {"color": colour, "dash": "dot" if "custom.lineStyle" in style else None}
            drawn = go.Scatter(
                x=x, y=y, name=name, line=line, mode="lines+markers", marker_size=4, meta=colour
            )
            traces.append(drawn)
    return traces


def _band(lower: Sequence[Row], upper: Sequence[Row], name: str) -> list[Any]:
    """Fill between two series, piece by piece: Plotly alone would fill the gaps too."""
    traces: list[Any] = []
    both = zip(lower, upper, strict=True)
    for there, pairs in groupby(both, key=lambda pair: pair[0]["value"] is not None):
        piece = list(pairs)
        if not there:
            continue
        x = [_time(low["time"]) for low, _ in piece]
        edges = [low["value"] for low, _ in piece], [high["value"] for _, high in piece]
        for edge, y in enumerate(edges):
            traces.append(
                go.Scatter(
                    x=x, y=y, name=f"from {lower[0]['series']} to {name}", mode="lines", line_width=0,
                    fill="tonexty" if edge else None, fillcolor="rgba(136, 136, 136, 0.3)", meta="#888888",
                )
            )  # fmt: skip
    return traces


def _organize(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    kept = options.get("includeByName")
    order = options.get("indexByName", {})
    names = sorted(order, key=lambda name: order[name]) or list(rows[0] if rows else ())
    return [
        {
            options["renameByName"].get(name, name): row.get(name)
            for name in names
            if kept is None or kept.get(name)
        }
        for row in rows
    ]


def _group(rows: list[Row], options: Mapping[str, Any]) -> list[Row]:
    by = [name for name, field in options["fields"].items() if field["operation"] == "groupby"]
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return [
        dict(zip(by, key, strict=True))
        | {
            f"{name} ({how})": _AGGREGATE[how]([row[name] for row in members if row[name] is not None])
            for name, field in options["fields"].items()
            for how in field["aggregations"]
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
    if name == "Time":
        return f"{_time(value):%m-%d %H:%M}"
    return f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
