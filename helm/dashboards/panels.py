"""The kinds of panels, and the InfluxQL query that the SDK lacks."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

with warnings.catch_warnings():
    # The SDK warns that there is a newer model; Grafana 11 cannot read that one.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        barchart,
        common,
        dashboard,
        prometheus,
        stat,
        table,
        timeseries,
    )
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as models
    from grafana_foundation_sdk.models.dashboard import (
        DataTransformerConfig,
        DynamicConfigValue,
        Threshold,
        ThresholdsMode,
    )

from retail_anomaly.detectors import looks
from streamer.sinks.case_points import CASE_POINTS, VERDICT_POINTS
from streamer.sinks.points import ALERT_POINTS, SCORE_POINTS, STORE_METRIC_POINTS

INFLUXDB: Final = models.DataSourceRef("influxdb", "${influxdb}")
PROMETHEUS: Final = models.DataSourceRef("prometheus", "${prometheus}")

_LONGER: Final = "in this time range: choose a longer one, or see whether"
_REASONS: Final = {
    ALERT_POINTS: f"No alert {_LONGER} streamer and sink run",
    STORE_METRIC_POINTS: f"No sales {_LONGER} store metrics and sink run",
    SCORE_POINTS: "No score in this time range: they need streamer.scores and a detector that learns",
    CASE_POINTS: f"No case {_LONGER} triage and sink run",
    VERDICT_POINTS: "Nobody judged an alert of this time range",
}

COLOURS: Final = {alert_type: look.colour for alert_type, look in looks().items()}
"""Colours by alert type, in every panel: those of the figures and the report."""


class InfluxQuery(Dataquery):
    """An InfluxQL query, as Grafana stores it.

    Parameters
    ----------
    query
        InfluxQL with Grafana's variables.
    form
        ``time_series`` or ``table``.
    alias
        Names a series; ``$tag_type`` is a tag's value.
    ref_id
        Distinguishes the queries of a panel.
    """

    def __init__(self, query: str, form: str = "time_series", alias: str = "", ref_id: str = "A") -> None:
        self._content = {
            "refId": ref_id,
            "datasource": INFLUXDB,
            "rawQuery": True,
            "query": query,
            "resultFormat": form,
            **({"alias": alias} if alias else {}),
        }

    def to_json(self) -> dict[str, object]:
        """Return it as Grafana stores it."""
        return self._content


class Built(Builder[Any]):
    """An object that is built already, for calls that ask for a builder."""

    def __init__(self, content: Any) -> None:
        self._content = content

    def build(self) -> Any:
        """Return it."""
        return self._content


def influx(*queries: str, form: str = "time_series", alias: str = "") -> list[Builder[Any]]:
    """Return targets, named A, B ... in order."""
    return [Built(InfluxQuery(query, form, alias, chr(65 + n))) for n, query in enumerate(queries)]


def promql(*queries: tuple[str, str]) -> list[Builder[Any]]:
    """Return targets of expressions and their legends."""
    return [
        prometheus.Dataquery()
        .expr(expression)
        .legend_format(legend)
        .ref_id(chr(65 + n))
        .datasource(PROMETHEUS)
        for n, (expression, legend) in enumerate(queries)
    ]


def figure(
    title: str,
    targets: Sequence[Builder[Any]],
    text: str,
    unit: str = "short",
    *,
    width: int = 6,
    decimals: int | None = None,
) -> Any:
    """Return a panel with one number: the newest of the query's values."""
    options = common.ReduceDataOptions().calcs(["lastNotNull"])
    panel = stat.Panel().reduce_options(options).graph_mode(models.BigValueGraphMode.NONE)
    if decimals is not None:
        panel.decimals(decimals)
    return _finished(panel, title, targets, text, unit, width, height=4)


def lines(  # noqa: PLR0913 - by name only
    title: str,
    targets: Sequence[Builder[Any]],
    text: str,
    unit: str = "short",
    *,
    width: int = 12,
    limit: float | None = None,
    ranges: Sequence[str] = (),
    band: tuple[str, str] | None = None,
    every: str = "",
) -> Any:
    """Return a panel of lines over time.

    Parameters
    ----------
    limit
        A value that is drawn as a dashed line.
    ranges
        Names of series to draw in grey, for comparison.
    band
        Names of two series, the lower first; the area between them is filled.
    every
        Interval of the data: a point of the panel covers no less.
    """
    panel = timeseries.Panel().line_width(2).fill_opacity(5).show_points(models.VisibilityMode.AUTO)
    panel.legend(
        common.VizLegendOptions().show_legend(True).placement(models.LegendPlacement.BOTTOM).calcs(["max"])
    )
    if limit is not None:
        panel.thresholds(
            dashboard.ThresholdsConfig()
            .mode(ThresholdsMode.ABSOLUTE)
            .steps([Threshold(None, "green"), Threshold(limit, "red")])
        )
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED)
        )
    if every:
        panel.interval(every)
    return _as_band(_as_range(_coloured(_finished(panel, title, targets, text, unit, width)), ranges), band)


def columns(
    title: str, targets: Sequence[Builder[Any]], text: str, *, every: str = "5m", width: int = 12
) -> Any:
    """Return a panel of stacked columns over time, each at least `every` wide."""
    panel = (
        timeseries.Panel()
        .interval(every)
        .draw_style(models.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .line_width(0)
    )
    panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL).group("A"))
    panel.legend(
        common.VizLegendOptions().show_legend(True).placement(models.LegendPlacement.BOTTOM).calcs(["sum"])
    )
    return _coloured(_finished(panel, title, targets, text, "short", width))


def bars(title: str, targets: Sequence[Builder[Any]], text: str, by: str, *, width: int = 12) -> Any:
    """Return a panel of horizontal bars, one for each value of a column."""
    panel = barchart.Panel().orientation(models.VizOrientation.HORIZONTAL).x_field(by)
    return _finished(panel, title, targets, text, "short", width)


def rows(
    title: str,
    targets: Sequence[Builder[Any]],
    text: str,
    names: Mapping[str, str],
    *,
    width: int = 24,
    units: Mapping[str, str] | None = None,
) -> Any:
    """Return a table of some columns, under names for people; `Time` is a column too."""
    panel = (
        table.Panel()
        .filterable(True)
        .with_transformation(
            DataTransformerConfig(
                "organize",
                options={
                    "renameByName": dict(names),
                    "indexByName": {name: n for n, name in enumerate(names)},
                    "includeByName": dict.fromkeys(names, True),
                },
            )
        )
    )
    _units(panel, {names[name]: unit for name, unit in (units or {}).items()})
    return _finished(panel, title, targets, text, "short", width, height=10)


def ranking(
    title: str,
    targets: Sequence[Builder[Any]],
    text: str,
    by: Sequence[tuple[str, str]],
    sums: Mapping[str, tuple[str, str]],
    *,
    width: int = 12,
) -> Any:
    """Return a table that groups by fields, which InfluxQL cannot.

    Parameters
    ----------
    by
        Columns to group by, each with its name for people.
    sums
        By column: the aggregation (``count``, ``sum`` or ``max``) and the name for people. The table is
        sorted by the first one.
    """
    fields: dict[str, dict[str, Any]] = {name: {"operation": "groupby", "aggregations": []} for name, _ in by}
    for name, (how, _) in sums.items():
        fields[name] = {"operation": "aggregate", "aggregations": [how]}
    renamed = dict(by) | {f"{name} ({how})": title for name, (how, title) in sums.items()}
    first = next(iter(sums.values()))[1]
    panel = table.Panel()
    panel.with_transformation(DataTransformerConfig("groupBy", options={"fields": fields}))
    panel.with_transformation(DataTransformerConfig("organize", options={"renameByName": renamed}))
    panel.with_transformation(
        DataTransformerConfig("sortBy", options={"sort": [{"field": first, "desc": True}]})
    )
    panel.with_transformation(DataTransformerConfig("limit", options={"limitField": 10}))
    return _finished(panel, title, targets, text, "short", width, height=10)


def _finished(
    panel: Any, title: str, targets: Sequence[Builder[Any]], text: str, unit: str, width: int, height: int = 8
) -> Any:
    panel.title(title).description(text).unit(unit).span(width).height(height).no_value(_reason(targets[0]))
    panel.datasource(targets[0].build().datasource if _is_promql(targets[0]) else INFLUXDB)
    for target in targets:
        panel.with_target(target)
    return panel


def _reason(target: Builder[Any]) -> str:
    """Return the words that an empty panel shows."""
    if _is_promql(target):
        return "No metrics in this time range: does your Prometheus scrape the processes?"
    query = target.build().to_json()["query"]
    (reason,) = (text for points, text in _REASONS.items() if f'FROM "{points}"' in query)
    return reason


def _is_promql(target: Builder[Any]) -> bool:
    return isinstance(target, prometheus.Dataquery)


def _coloured(panel: Any) -> Any:
    for name, colour in COLOURS.items():
        panel.override_by_name(name, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def _as_range(panel: Any, names: Sequence[str]) -> Any:
    """Draw some series dashed and grey, for comparison."""
    for name in names:
        panel.override_by_name(
            name,
            [
                DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "#888888"}),
                DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [4, 4]}),
            ],
        )
    return panel


def _as_band(panel: Any, band: tuple[str, str] | None) -> Any:
    """Fill the area between two series, and hide their lines."""
    if band is not None:
        lower, upper = band
        bare = [
            DynamicConfigValue("color", {"mode": "fixed", "fixedColor": "#888888"}),
            DynamicConfigValue("custom.lineWidth", 0),
            DynamicConfigValue("custom.showPoints", "never"),
        ]
        panel.override_by_name(lower, [*bare, DynamicConfigValue("custom.fillOpacity", 0)])
        panel.override_by_name(
            upper,
            [
                *bare,
                DynamicConfigValue("custom.fillOpacity", 20),
                DynamicConfigValue("custom.fillBelowTo", lower),
            ],
        )
    return panel


def _units(panel: Any, units: Mapping[str, str]) -> None:
    for name, unit in units.items():
        panel.override_by_name(name, [DynamicConfigValue("unit", unit)])
