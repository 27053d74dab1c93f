"""The rules for Prometheus: they parse, ask for metrics that a process has, and each has its page in the runbook."""

from __future__ import annotations

import re

import promql_parser
import pytest

from streamer import metrics
from tests.deploy.chart import CASES, ROOT, Manifest, pick, render

# From the kubelet and kube-state-metrics.
OTHERS = {
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kube_job_status_failed",
}


@pytest.fixture(scope="module")
def rules(helm) -> list[Manifest]:
    manifest = pick(render(helm, CASES["monitoring"]), "PrometheusRule", "processes")
    return [rule for group in manifest["spec"]["groups"] for rule in group["rules"]]


def test_expressions_parse(rules):
    for rule in rules:
        promql_parser.parse(rule["expr"])
    with pytest.raises(ValueError, match="unexpected"):
        promql_parser.parse(rules[0]["expr"] + ")")


def test_metrics_exist_with_these_labels(rules):
    told = metrics.Metrics("run", "retail-anomaly")
    told.message("pos-events", 0, 1)
    told.lag = {("pos-events", 0): 1}
    known: dict[str, set[str]] = {}
    for family in told.registry.collect():
        # A counter without counts has no sample yet, but has its name.
        known.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, set())
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    for rule in rules:
        named = set(re.findall(r"\b((?:retail|kube|kubelet)_[a-z_]+)\b(?=[{ ])", rule["expr"]))
        assert named, rule["alert"]
        assert named - OTHERS <= set(known), rule["alert"]
    # What the rules group by; namespace and pod are Prometheus' own.
    assert {"topic"} <= known["retail_lag_records"]
    assert {"le"} <= known["retail_alert_latency_seconds_bucket"]


def test_each_alert_has_its_place_in_the_runbook(rules):
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    headings = {line.removeprefix("### ") for line in runbook.splitlines() if line.startswith("### ")}
    alerts = [rule["alert"] for rule in rules]
    assert len(alerts) == len(set(alerts))
    assert set(alerts) <= headings
    for rule in rules:
        assert rule["annotations"]["runbook_url"].endswith(f"#{rule['alert'].lower()}")
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_rules_watch_this_release_alone(rules):
    for rule in rules:
        assert 'namespace="loss-prevention"' in rule["expr"]
        assert "shops-retail-anomaly-" in rule["expr"]
