"""Every query of every dashboard and rule on a real engine that the real sink has filled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from data_gen import Simulation
from helm.dashboards.__main__ import FOLDER
from helm.dashboards.preview import answer, expanded, picture
from tests.conftest import IN_CI
from tests.influx import InfluxServer, InfluxUnavailableError
from tests.support.filled import fill

BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["datasource"]["type"] == "influxdb"
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[InfluxServer, int, int]]:
    server = InfluxServer(Path(tmp_path_factory.mktemp("influx")))
    try:
        yield (server.start(), *fill(server, Simulation(stores=3, days=6, seed=12)))
    except InfluxUnavailableError as error:
        if IN_CI:
            pytest.fail(f"CI must run a real InfluxDB: {error}", pytrace=False)
        pytest.skip(f"no real InfluxDB: {error}")
    finally:
        server.kill()


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_gets_what_it_shows(filled: tuple[InfluxServer, int, int], panel: dict[str, Any]):
    server, start, end = filled
    rows = answer(panel, server.query, start, end)
    assert rows
    if panel["type"] in ("stat", "timeseries"):
        assert any(row["value"] is not None for row in rows)
        if panel["type"] == "stat":
            assert {row["series"] for row in rows} == {rows[0]["series"]}, "one number"
        assert not any("$" in row["series"] for row in rows)
        return
    if panel["type"] == "barchart":
        assert len({row[panel["options"]["xField"]] for row in rows}) == len(rows) > 1
        return
    # A table: each column that it names has a value in some row.
    renamed = panel["transformations"][-1 if len(panel["transformations"]) == 1 else 1]["options"][
        "renameByName"
    ]
    for name in renamed.values():
        assert any(row[name] not in (None, "") for row in rows), name


def test_a_ranking_adds_up_what_the_rows_say(filled: tuple[InfluxServer, int, int]):
    server, start, end = filled
    panel = next(p for p in BOARDS["overview"]["panels"] if p["title"] == "Who is named most")
    rows = answer({**panel, "transformations": panel["transformations"][:2]}, server.query, start, end)
    everybody = server.query("SELECT employee FROM alerts WHERE employee != ''")
    assert sum(row["Alerts"] for row in rows) == len(everybody)


def test_variables_offer_the_stores_and_types_that_there_are(filled: tuple[InfluxServer, int, int]):
    server, _, _ = filled
    for board in BOARDS.values():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                values = {row["value"] for row in server.query(variable["query"])}
                tag = re.search(r'KEY = "(\w+)"', variable["query"])
                assert tag
                assert values
                alerts = server.query("SELECT store, type, alertId FROM alerts")
                assert values >= {row[tag[1]] for row in alerts}


def test_a_shown_store_is_the_only_one_shown(filled: tuple[InfluxServer, int, int]):
    server, start, end = filled
    query = BOARDS["overview"]["panels"][5]["targets"][0]["query"].replace("$store", "store-1")
    assert {row["store"] for row in server.query(expanded(query, start, end))} <= {"store-1"}


def test_the_rules_queries_answer(filled: tuple[InfluxServer, int, int]):
    server, start, end = filled
    text = (FOLDER / "alerting" / "rules.yaml").read_text().replace("$$", "$")
    for rule in yaml.safe_load(text)["groups"][0]["rules"]:
        rows = server.query(expanded(rule["data"][0]["model"]["query"], start, end))
        labels = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert rows, rule["title"]
        assert labels <= set(rows[0])


@pytest.mark.parametrize("name", [name for name in BOARDS if name != "pipeline-health"])
def test_the_preview_draws_every_panel(filled: tuple[InfluxServer, int, int], name: str):
    server, start, end = filled
    figure = picture(BOARDS[name], server.query, start, end)
    assert len(figure.data) >= len(BOARDS[name]["panels"])
