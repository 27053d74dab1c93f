"""A new detector is one file, one line in the registry and one section of the configuration, nothing else.

The tests add one to a copy of the project in just this way, run `make docs`, and then run there the tests and
the code that list detectors.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "support" / "round_refund.py"
SECTION = """
  # A high, round refund.
  round_refund:
    enabled: true
    amount: 90.0         # from this amount on a round refund alerts
"""
LISTING_TESTS = (
    *("tests/contract/test_registry.py", "tests/golden/test_golden.py", "tests/unit/test_looks.py"),
    *("tests/unit/test_dashboards.py", "tests/unit/test_docs.py", "tests/unit/test_settings.py"),
    *("tests/unit/test_plots.py", "tests/unit/test_replay.py", "tests/unit/tune/test_space.py"),
)
"""Test files that go through the registry, or run all detectors that are enabled."""
ABOUT_IT = (
    "(not test_registry and not test_golden and not slow_to_import and not a_year_of) or round_refund"
    " or that_makes_it_stricter or (test_golden and engine)"
)
"""Of these, the tests that the new detector can change."""

FACTS = """
import json
import yaml
from helm.dashboards.panels import COLOURS
from retail_anomaly import check_detector, load_settings, replay
from retail_anomaly.detectors import REGISTRY
from retail_anomaly.plots.style import colour_of
from retail_anomaly.settings import build_engine, json_schema
from retail_anomaly.tune.space import Space
from tests.support.events import MINUTE, refund

detector = REGISTRY["round_refund"]
refunds = [
    refund(n * MINUTE, transaction_id=f"t-{n}", amount=95.0 + 5 * n, store_id=f"s-{n % 2}") for n in range(40)
]
checked = check_detector(detector, refunds)
settings = load_settings("own.yaml")
space = Space("round_refund", settings.detectors.round_refund)
print(json.dumps({
    "failed": checked[~checked["passed"]].values.tolist(),
    "amount": settings.detectors.round_refund.amount,
    "engine": [each.name for each in build_engine(settings).detectors],
    "schema": json_schema()["$defs"]["RoundRefundParameters"]["properties"]["amount"]["default"],
    "tuned": list(space.distributions()),
    "alerts": len(replay(refunds, detectors=["round_refund"]).alerts),
    "colours": [COLOURS["ROUND_REFUND"], colour_of("ROUND_REFUND")],
}))
"""


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.run(
        [sys.executable, *command], cwd=tree, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the new detector, after `make docs`."""
    copy = tmp_path_factory.mktemp("project") / "copy"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "out", "node_modules")
    shutil.copytree(ROOT, copy, ignore=hidden)
    shutil.copy(FILE, copy / "retail_anomaly" / "detectors")
    _edit(
        copy / "retail_anomaly" / "detectors" / "__init__.py",
        (
            r"\nREGISTRY: Final = ship\(\n",
            r"\nfrom retail_anomaly.detectors.round_refund import RoundRefund\n\g<0>",
        ),
        (r"    SalesDeviation,\n\)", "    SalesDeviation,\n    RoundRefund,\n)"),
    )
    _edit(copy / "retail_anomaly" / "settings" / "config.yaml", (r"\n# Who is told", SECTION + r"\g<0>"))
    makefile = (copy / "Makefile").read_text(encoding="utf-8")
    scripts = re.search(r"^docs:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert scripts
    for line in scripts[1].splitlines():
        done = run(copy, *line.strip().split()[1:])
        assert done.returncode == 0, done.stderr
    return copy


def _edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for pattern, replacement in changes:
        text, times = re.subn(pattern, replacement, text, count=1)
        assert times == 1, pattern
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def facts(tree: Path) -> dict[str, Any]:
    (tree / "own.yaml").write_text("detectors: {round_refund: {amount: 120}}\n", encoding="utf-8")
    done = run(tree, "-c", FACTS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_keeps_the_contract(facts):
    assert facts["failed"] == []


def test_a_configuration_file_sets_its_parameters_and_the_engine_runs_it_last(facts):
    assert facts["amount"] == 120.0
    assert facts["engine"][-1] == "round_refund"
    assert facts["schema"] == 90.0


def test_tune_knows_its_range_and_a_replay_its_name(facts):
    assert facts["tuned"] == ["amount"]
    assert facts["alerts"] > 0


def test_grafana_and_figures_draw_it_in_one_colour_that_no_other_type_has(facts, tree):
    grafana, figures = facts["colours"]
    assert grafana == figures
    board = json.loads((tree / "helm/retail-anomaly/dashboards/refunds.json").read_text(encoding="utf-8"))
    (panel,) = [panel for panel in board["panels"] if panel["title"] == "Refund alerts by type"]
    colours = {
        override["matcher"]["options"]: override["properties"][0]["value"]["fixedColor"]
        for override in panel["fieldConfig"]["overrides"]
    }
    assert [name for name, colour in colours.items() if colour == grafana] == ["ROUND_REFUND"]
    assert "ROUND_REFUND" in panel["targets"][0]["query"]


def test_the_pages_name_it(tree):
    for page in (
        "docs/detectors.md",
        "docs/configuration.md",
        "helm/retail-anomaly/values.schema.json",
        "README.md",
    ):
        assert re.search("round_refund|RoundRefund", (tree / page).read_text(encoding="utf-8")), page


# It runs nine files of tests once more.
@pytest.mark.service
def test_the_tests_that_list_detectors_pass_with_it(tree):
    done = run(
        tree,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not kafka",
        *LISTING_TESTS,
        "-k",
        ABOUT_IT,
    )
    assert done.returncode == 0, done.stdout[-3000:]
