"""A detector that is registered in a process runs there, beside those that are shipped."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from retail_anomaly.detectors import (
    REGISTRY,
    InventoryShrinkage,
    RefundBurst,
    RefundWithoutSale,
    SecurityCorrelation,
    StockDiscrepancy,
    looks,
    own_detectors,
    register,
    unregister,
)
from retail_anomaly.replay import replay
from retail_anomaly.report.alerts_page import write_report
from retail_anomaly.settings import Settings, SettingsError, build_engine
from tests.support.events import MINUTE, refund


class Twice(RefundBurst):
    """A refund burst by another name."""

    name = "twice"
    alert_type = "TWICE"


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register(Twice, Twice.Parameters(count=2))
    yield
    unregister("twice")


REFUNDS = [refund(n * MINUTE, transaction_id=f"t-{n}") for n in range(2)]


def test_it_runs_behind_those_that_are_enabled():
    names = [detector.name for detector in build_engine(Settings()).detectors]
    assert names[-1] == "twice"
    assert "refund_burst" in names


def test_it_runs_with_the_parameters_it_was_registered_with():
    assert replay(REFUNDS, detectors=["twice", "refund_burst"]).alerts["type"].tolist() == ["TWICE"]


def test_it_runs_where_several_processes_were_asked_for(tmp_path):
    from retail_anomaly.core.codec import encode, topic_of

    log = tmp_path / "log.jsonl"
    log.write_bytes(
        b"".join(b'{"topic":"%s","value":%s}\n' % (topic_of(e).encode(), encode(e)) for e in REFUNDS)
    )
    assert replay(log, detectors=["twice"], jobs=2).alerts["type"].tolist() == ["TWICE"]


def test_a_class_of_the_same_name_takes_its_place():
    class Again(Twice):
        """As when a cell runs again."""

    register(Again)
    assert own_detectors()["twice"][0] is Again
    assert replay(REFUNDS, detectors=["twice"]).alerts.empty


@pytest.mark.parametrize(
    "names",
    [{"name": "refund_burst"}, {"alert_type": "SHRINKAGE"}, {"name": "thrice", "alert_type": "TWICE"}],
)
def test_names_of_another_detector_are_refused(names):
    with pytest.raises(ValueError, match="another detector has this name or type of alert"):
        register(type("Other", (Twice,), {"alert_type": "OTHER", **names}))


def test_a_registered_one_is_named_where_an_unknown_one_is_asked_for():
    with pytest.raises(SettingsError, match=r"unknown detector 'twise'.*twice"):
        build_engine(Settings(), ["twise"])


def test_the_report_shows_it_in_its_own_colour(tmp_path):
    alerts = replay(REFUNDS, detectors=["twice"]).alerts
    page = write_report(alerts, tmp_path / "report.html").read_text("utf-8")
    colour = looks()["TWICE"].colour
    assert colour not in {looks()[detector.alert_type].colour for detector in REGISTRY.values()}
    assert f"--colour: {colour}" in page


def test_a_shipped_rule_imports_all_it_needs_from_one_module():
    for rule in (RefundBurst, RefundWithoutSale, SecurityCorrelation, InventoryShrinkage, StockDiscrepancy):
        source = Path(inspect.getfile(rule)).read_text("utf-8")
        imported = {node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)}
        assert {name for name in imported if name and name.startswith("retail_anomaly")} == {
            "retail_anomaly.detector"
        }


def test_the_registry_stays_as_it_is():
    assert "twice" not in REGISTRY
