"""The committed dashboards and rules: what the code writes, what Grafana reads, what exists."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins

from helm.dashboards.__main__ import FOLDER, files
from helm.dashboards.panels import COLOURS
from retail_anomaly.detectors import REGISTRY
from streamer.observe.metrics import Metrics

BOARDS = sorted(FOLDER.glob("*.json"))


def _board(path: Path) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(path.read_text())
    return board


def test_what_is_committed_is_what_the_code_writes():
    wanted = files()
    there = {path for path in FOLDER.rglob("*") if path.is_file()}
    assert there == set(wanted)
    stale = [path.name for path, text in wanted.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run: python -m helm.dashboards"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_grafanas_model_reads_all_of_it(path: Path):
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    board = _board(path)
    read = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    # InfluxQL is not in the model; the engine judges it in another test.
    for one, other in zip(board["panels"], read["panels"], strict=True):
        assert {**one, "targets": None} == {**other, "targets": None}
    assert {**board, "panels": None} == {**read, "panels": None}


def test_dashboards_have_names_of_their_own_and_panels_a_text_and_a_place():
    boards = [_board(path) for path in BOARDS]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == len(boards)
    for board in boards:
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles)
        taken: set[tuple[int, int]] = set()
        for panel in board["panels"]:
            assert panel["description"]
            # An empty panel says why.
            assert panel["fieldConfig"]["defaults"]["noValue"]
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert place["x"] + place["w"] <= 24
            assert not taken & cells, panel["title"]
            taken |= cells


def test_the_metrics_that_are_asked_for_exist(tmp_path: Path):
    there = set()
    for family in Metrics("run", "g", tmp_path).registry.collect():
        endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        there |= {f"{family.name}{ending}" for ending in endings}
    asked = {
        name
        for path in BOARDS
        for panel in _board(path)["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bretail_\w+", target.get("expr", ""))
    }
    assert asked
    assert asked <= there


def test_the_labels_that_are_asked_for_exist():
    page = (FOLDER.parents[2] / "docs" / "operations.md").read_text()
    rows = dict(re.findall(r"^\| `(retail_\w+)` \|([^|]*)\|", page, re.MULTILINE))
    checked = 0
    for path in BOARDS:
        for panel in _board(path)["panels"]:
            for target in panel["targets"]:
                expression = target.get("expr", "")
                metrics = {
                    re.sub(r"_(bucket|sum|count)$", "", name)
                    for name in re.findall(r"\bretail_\w+", expression)
                }
                for named in re.findall(r"(?:by|group_left) \(([\w, ]+)\)", expression):
                    for label in set(named.split(", ")) - {"le"}:
                        assert any(f"`{label}`" in rows[metric] for metric in metrics), (
                            panel["title"],
                            label,
                        )
                        checked += 1
    assert checked >= 8


def test_every_alert_type_has_a_colour():
    assert {detector.alert_type for detector in REGISTRY.values()} <= set(COLOURS)


def test_the_rules_are_complete():
    (group,) = yaml.safe_load((FOLDER / "alerting" / "rules.yaml").read_text())["groups"]
    assert len({rule["uid"] for rule in group["rules"]}) == len(group["rules"])
    for rule in group["rules"]:
        refs = [part["refId"] for part in rule["data"]]
        assert rule["condition"] in refs
        for part in rule["data"]:
            assert part["model"].get("expression", refs[0]) in refs
            assert part["model"]["refId"] == part["refId"]
        assert rule["annotations"]["summary"].endswith(".")
