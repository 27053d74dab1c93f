"""Prometheus' rules ask for metrics that a process has, fire when they should, and each has its runbook."""

from __future__ import annotations

import re
import subprocess

import promql_parser
import pytest
import yaml

from streamer.cli.commands import app
from streamer.observe import metrics
from tests.deploy.chart import CASES, CHART, ROOT, Manifest, pick, render
from tests.support.waiting import PATIENCE_S

# From the kubelet and kube-state-metrics.
OTHERS = {
    "kubelet_volume_stats_available_bytes",
    "kubelet_volume_stats_capacity_bytes",
    "kube_job_failed",
}
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def groups(helm) -> list[Manifest]:
    notify = ("notify.enabled=true", "notify.existingSecret=retail-notify")
    manifests = render(helm, CASES["values-prod"], *notify)
    found: list[Manifest] = pick(manifests, "PrometheusRule", "processes")["spec"]["groups"]
    return found


@pytest.fixture(scope="module")
def rules(groups) -> list[Manifest]:
    return [rule for group in groups for rule in group["rules"]]


@pytest.fixture(scope="module")
def known() -> dict[str, set[str]]:
    """Give the names of a process's metrics, each with its labels."""
    told = metrics.Metrics("run", "retail-anomaly")
    told.message("pos-events", 0, 1)
    told.lag = {("pos-events", 0): 1}
    found: dict[str, set[str]] = {}
    for family in told.registry.collect():
        # A counter without counts has no sample yet, but has its name.
        found.setdefault(f"{family.name}_total" if family.type == "counter" else family.name, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_expressions_parse(rules):
    for rule in rules:
        promql_parser.parse(rule["expr"])
    with pytest.raises(ValueError, match="unexpected"):
        promql_parser.parse(rules[0]["expr"] + ")")


def test_metrics_exist_with_these_labels(rules, known):
    for rule in rules:
        named = set(re.findall(r"\b((?:retail|kube|kubelet)_[a-z_]+)\b(?=[{ ])", rule["expr"]))
        assert named, rule["alert"]
        assert named - OTHERS <= set(known), rule["alert"]
    # The labels that the rules group by; namespace and pod are Prometheus' own.
    assert {"topic"} <= known["retail_lag_records"]
    assert {"consumer_group"} <= known["retail_info"]
    assert {"le"} <= known["retail_alert_latency_seconds_bucket"]


def test_each_alert_has_its_place_in_the_runbook(rules):
    ours, grafanas = (re.findall(r"^### (.+)$", part, re.MULTILINE) for part in RUNBOOK.split("\n## ")[1:])
    assert ours == [rule["alert"] for rule in rules]
    provisioned = yaml.safe_load((CHART / "dashboards" / "alerting" / "rules.yaml").read_text())
    assert grafanas == [rule["title"] for group in provisioned["groups"] for rule in group["rules"]]
    for rule in rules:
        page, _, place = rule["annotations"]["runbook_url"].partition("#")
        assert page.startswith("https://")
        assert place == rule["alert"].lower()
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_runbook_names_metrics_and_alerts_that_exist(rules, known):
    assert set(re.findall(r"\b(retail_[a-z_]+|process_[a-z_]+)\b", RUNBOOK)) <= set(known)
    assert set(re.findall(r"\bRetail[A-Z]\w+", RUNBOOK)) <= {rule["alert"] for rule in rules}


def test_commands_for_operators_exist():
    pages = [ROOT / "docs" / "runbook.md", ROOT / "docs" / "deploy.md", CHART / "templates" / "NOTES.txt"]
    said = " ".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"(?:\bretail-streamer|`RUN) ([a-z]+)\b", said))
    assert {"alerts", "lag", "sink"} <= named
    commands = {command.callback.__name__ for command in app.registered_commands if command.callback}
    assert named <= commands | {group.name for group in app.registered_groups}


def test_rules_watch_this_release_alone(rules):
    for rule in rules:
        assert 'namespace="loss-prevention"' in rule["expr"]
        assert "shops-retail-anomaly-" in rule["expr"]


def test_parts_that_do_not_run_are_not_missed(helm):
    with_all = pick(render(helm, CASES["values-prod"]), "PrometheusRule", "processes")
    without = pick(
        render(helm, CASES["monitoring"], "storeMetrics.enabled=false", "topics.enabled=false"),
        "PrometheusRule",
        "processes",
    )
    names = [
        {rule["alert"] for group in m["spec"]["groups"] for rule in group["rules"]}
        for m in (with_all, without)
    ]
    assert names[0] - names[1] == {
        "RetailNoSink",
        "RetailSinkWaits",
        "RetailNoStoreMetrics",
        "RetailTopicsDiffer",
    }


# --- Evaluated by Prometheus' own tool ----------------------------------------------------------

MINUTES = 60
STREAMER, SUMS, TRIAGE, NOTIFY, SINK = (
    f'namespace="loss-prevention",pod="shops-retail-anomaly-{pod}"'
    for pod in ("streamer-0", "store-metrics-0", "triage-0", "notify-0", "sink-7d9f-x2x")
)
CLAIM = 'namespace="loss-prevention",persistentvolumeclaim="state-shops-retail-anomaly-streamer-0"'
JOB = 'namespace="loss-prevention",job_name="shops-retail-anomaly-topics-0a1b2c3d"'
# An hour in which nothing is wrong: one sample a minute.
WELL = {
    **{f"retail_ready{{{pod}}}": "1x60" for pod in (STREAMER, SUMS, TRIAGE, SINK)},
    f'retail_info{{{STREAMER},process="run",consumer_group="g"}}': "1x60",
    f'retail_info{{{SUMS},process="metrics",consumer_group="g-metrics"}}': "1x60",
    f'retail_info{{{SINK},process="sink",consumer_group="g-sink"}}': "1x60",
    **{
        f"retail_last_checkpoint_timestamp_seconds{{{pod}}}": "0+60x60"
        for pod in (STREAMER, SUMS, TRIAGE, SINK)
    },
    f'retail_lag_records{{{STREAMER},topic="pos-events",partition="0"}}': "30000x60",
    f'retail_lag_records{{{SUMS},topic="pos-events",partition="0"}}': "30000x60",
    f'retail_lag_records{{{SINK},topic="anomaly-alerts",partition="0"}}': "0x60",
    f'retail_alert_latency_seconds_bucket{{{STREAMER},le="1"}}': "0+60x60",
    f'retail_alert_latency_seconds_bucket{{{STREAMER},le="60"}}': "0+60x60",
    f'retail_alert_latency_seconds_bucket{{{STREAMER},le="+Inf"}}': "0+60x60",
    f'retail_dead_letters_total{{{STREAMER},reason="storeId"}}': "3x60",
    f"retail_backpressure_total{{{SINK}}}": "2x60",
    f"kubelet_volume_stats_available_bytes{{{CLAIM}}}": "4e9x60",
    f"kubelet_volume_stats_capacity_bytes{{{CLAIM}}}": "5e9x60",
    # Its second pod did it.
    f'kube_job_failed{{{JOB},condition="true"}}': "0x60",
    f"kube_job_status_failed{{{JOB}}}": "1x60",
    # Another release and another namespace in trouble.
    'retail_ready{namespace="loss-prevention",pod="others-retail-anomaly-streamer-0"}': "0x60",
    'retail_ready{namespace="trial",pod="shops-retail-anomaly-streamer-0"}': "0x60",
}
# Samples that differ from the quiet ones, and the alerts that fire then.
TROUBLE: dict[str, tuple[dict[str, str], set[str]]] = {
    "nothing": ({}, set()),
    "no streamer": ({f"retail_ready{{{STREAMER}}}": "1x40 _x20"}, {"RetailNoStreamer"}),
    "a streamer that never is ready": (
        {f"retail_ready{{{STREAMER}}}": "0x60"},
        {"RetailNoStreamer", "RetailProcessNotReady"},
    ),
    "one of two not ready": (
        {f"retail_ready{{{STREAMER.replace('-0', '-1')}}}": "0x60"},
        {"RetailProcessNotReady"},
    ),
    "no sink": ({f"retail_ready{{{SINK}}}": "1x30 _x30"}, {"RetailNoSink"}),
    "no store metrics": ({f"retail_ready{{{SUMS}}}": "1x30 _x30"}, {"RetailNoStoreMetrics"}),
    "no triage": ({f"retail_ready{{{TRIAGE}}}": "1x30 _x30"}, {"RetailNoTriage"}),
    "a backlog over two partitions": (
        {f'retail_lag_records{{{STREAMER},topic="pos-events",partition="1"}}': "20001x60"},
        {"RetailLag"},
    ),
    "a backlog of the sink": (
        {f'retail_lag_records{{{SINK},topic="anomaly-alerts",partition="0"}}': "0x40 60000x20"},
        {"RetailLag"},
    ),
    "no commit": (
        {f"retail_last_checkpoint_timestamp_seconds{{{STREAMER}}}": "0+60x40 2400x20"},
        {"RetailCheckpointsStalled"},
    ),
    "no commit where nothing comes": (
        {f"retail_last_checkpoint_timestamp_seconds{{{SINK}}}": "0+60x40 2400x20"},
        set(),
    ),
    "slow alerts": (
        {f'retail_alert_latency_seconds_bucket{{{STREAMER},le="1"}}': "0+50x60"},
        {"RetailAlertsLate"},
    ),
    "more dead letters": (
        {f'retail_dead_letters_total{{{STREAMER},reason="storeId"}}': "3x50 4x10"},
        {"RetailDeadLetters"},
    ),
    "a first dead letter": (
        {f'retail_dead_letters_total{{{STREAMER},reason="amount"}}': "_x50 1x10"},
        {"RetailDeadLetters"},
    ),
    "InfluxDB takes nothing": ({f"retail_backpressure_total{{{SINK}}}": "2+1x60"}, {"RetailSinkWaits"}),
    "a full volume": (
        {f"kubelet_volume_stats_available_bytes{{{CLAIM}}}": "7e8x60"},
        {"RetailVolumeFills"},
    ),
    "a route that fails": (
        {f'retail_route_paused{{{NOTIFY},route="duty"}}': "1x18 0x1 1x41"},
        {"RetailRouteFails"},
    ),
    "a route that failed for a moment": (
        {f'retail_route_paused{{{NOTIFY},route="duty"}}': "0x50 1x3 0x7"},
        set(),
    ),
    "topics that differ": ({f'kube_job_failed{{{JOB},condition="true"}}': "1x60"}, {"RetailTopicsDiffer"}),
}


def test_rules_fire_in_trouble_and_only_then(promtool, groups, rules, tmp_path):
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    cases = []
    for name, (other, fires) in TROUBLE.items():
        series = WELL | other
        firing = {
            "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
            "eval_time": f"{MINUTES}m",
            "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in sorted(fires)],
        }
        cases.append(
            {
                "name": name,
                "interval": "1m",
                "input_series": [{"series": key, "values": values} for key, values in series.items()],
                "promql_expr_test": [firing],
            }
        )
    (tmp_path / "tests.yaml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases})
    )
    for arguments in (["check", "rules", "rules.yaml"], ["test", "rules", "tests.yaml"]):
        done = subprocess.run(
            [str(promtool), *arguments],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # Each rule has a case in which it fires.
    assert set().union(*(fires for _, fires in TROUBLE.values())) == {rule["alert"] for rule in rules}
