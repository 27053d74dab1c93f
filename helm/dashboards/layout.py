"""The frame that all dashboards share: title, links, variables, and the places of panels."""

import warnings
from typing import Any

from helm.dashboards.panels import INFLUXDB
from streamer.sinks.points import ALERT_POINTS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.models.dashboard import DashboardLinkType, VariableOption, VariableRefresh


def frame(uid: str, title: str, text: str) -> Any:
    """Return a dashboard without panels and variables."""
    return (
        dashboard.Dashboard(title)
        .uid(f"retail-{uid}")
        .description(text)
        .tags(["retail-anomaly"])
        .time("now-24h", "now")
        .refresh("30s")
        .timezone("browser")
        .link(
            dashboard.DashboardLink("Retail")
            .type(DashboardLinkType.DASHBOARDS)
            .tags(["retail-anomaly"])
            .keep_time(True)
            .include_vars(True)
        )
    )


def store_board(uid: str, title: str, text: str, *, types: bool = False) -> Any:
    """Return an empty dashboard for InfluxDB, with a choice of stores and, with `types`, of alert types."""
    board = frame(uid, title, text)
    board.with_variable(dashboard.DatasourceVariable("influxdb").label("InfluxDB").type("influxdb"))
    tags = {"store": ("Store", 'SHOW TAG VALUES WITH KEY = "store"')}
    if types:
        tags["type"] = ("Type", f'SHOW TAG VALUES FROM "{ALERT_POINTS}" WITH KEY = "type"')
    for name, (label, query) in tags.items():
        board.with_variable(
            dashboard.QueryVariable(name)
            .label(label)
            .datasource(INFLUXDB)
            .query(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
            .current(VariableOption(selected=True, text="All", value="$__all"))
        )
    return board


def renamed(targets: list[Any]) -> list[Any]:
    """Rename the targets to Z, Y and so on, so that they can follow others in a panel."""
    for n, target in enumerate(targets):
        target.build().to_json()["refId"] = chr(90 - n)
    return targets


def filled(board: Any, *panels: Any) -> Any:
    """Return the dashboard with its panels, placed side by side from the top left."""
    for panel in panels:
        board.with_panel(panel)
    return board.build()
