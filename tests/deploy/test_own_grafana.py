"""docs/monitoring.md: what a Grafana or a Prometheus that is not the release's gets, and finds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import CASES, CHART, NAMESPACE, RELEASE, ROOT, Manifest, pick, pods, render
from tests.support.waiting import PATIENCE_S

PAGE = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


def _block(kind: str, start: str) -> str:
    """Return the page's code block of a kind whose text begins so."""
    (found,) = [
        text for text in re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL) if text.startswith(start)
    ]
    return str(found)


def _collected(manifests: tuple[Manifest, ...], label: str) -> dict[str, str]:
    """Return the files that a sidecar writes for a label, as one folder."""
    files: dict[str, str] = {}
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and label in manifest["metadata"]["labels"]:
            assert not files.keys() & manifest["data"].keys()
            files.update(manifest["data"])
    return files


@pytest.fixture(scope="module")
def sidecar(helm) -> tuple[Manifest, ...]:
    return render(helm, CASES["grafana-sidecar"])


@pytest.fixture(scope="module")
def source(sidecar) -> dict[str, Any]:
    """Give the data source of a sidecar."""
    (text,) = _collected(sidecar, "grafana_datasource").values()
    (found,) = yaml.safe_load(text)["datasources"]
    assert isinstance(found, dict)
    return found


def test_a_sidecar_collects_the_same_dashboards_and_rules(sidecar):
    assert not [name for name, _, _ in pods(sidecar) if name.endswith("-grafana")]
    boards = _collected(sidecar, "grafana_dashboard")
    wanted = [json.loads(path.read_text()) for path in sorted((CHART / "dashboards").glob("*.json"))]
    assert [json.loads(text) for _, text in sorted(boards.items())] == wanted
    (rules,) = _collected(sidecar, "grafana_alert").values()
    assert rules.strip() == (CHART / "dashboards" / "alerting" / "rules.yaml").read_text().strip()


def test_labels_and_folder_are_yours(sidecar, helm):
    boards = [m for m in sidecar if "grafana_dashboard" in m["metadata"]["labels"]]
    assert {m["metadata"]["labels"]["grafana_dashboard"] for m in boards} == {"shops"}
    assert {m["metadata"]["annotations"]["grafana_folder"] for m in boards} == {"Loss prevention"}
    default = render(helm, CASES["external"], "grafana.sidecar.dashboards.enabled=true")
    board = pick(default, "ConfigMap", "dashboard-sales")["metadata"]
    assert board["labels"]["grafana_dashboard"] == "1"
    assert board["annotations"] == {"grafana_folder": "Retail anomaly"}


def test_a_dashboard_fits_into_an_object_that_kubectl_applies(sidecar):
    """Kubernetes keeps what kubectl applied in an annotation, which may have 256 KiB."""
    for manifest in sidecar:
        if "grafana_dashboard" in manifest["metadata"]["labels"]:
            assert len(json.dumps(manifest)) < 256 * 1024, manifest["metadata"]["name"]


def test_the_source_takes_nothing_over_and_holds_no_token(source, helm):
    assert source["isDefault"] is False
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $GRAFANA_INFLUXDB_TOKEN"}
    own = yaml.safe_load(
        pick(render(helm, CASES["in-cluster"]), "ConfigMap", "grafana")["data"]["datasource.yaml"]
    )["datasources"][0]
    differing = {key for key in own | source if own.get(key) != source.get(key)}
    assert differing == {"name", "isDefault", "secureJsonData"}
    # A Grafana in another namespace can resolve this name.
    assert source["url"] == f"http://{RELEASE}-retail-anomaly-influxdb.{NAMESPACE}.svc:8086"


def test_grafana_outside_reaches_the_releases_influxdb(sidecar, helm):
    def peers(manifests: tuple[Manifest, ...]) -> list[Manifest]:
        (rule,) = pick(manifests, "NetworkPolicy", "influxdb")["spec"]["ingress"]
        return [peer for peer in rule["from"] if "namespaceSelector" in peer]

    asked = yaml.safe_load(CASES["grafana-sidecar"].read_text())["networkPolicy"]["influxdbFrom"]
    assert peers(sidecar) == asked
    assert peers(render(helm, CASES["in-cluster"])) == []


def test_the_pages_values_make_all_three(helm, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(
        _block("yaml", "# my-values.yaml") + "kafka: {enabled: true}\ninfluxdb: {enabled: true}\n"
    )
    manifests = render(helm, values)
    for label in ("grafana_dashboard", "grafana_alert", "grafana_datasource"):
        assert _collected(manifests, label)
    theirs = yaml.safe_load(_block("yaml", "# values of Grafana's chart"))["sidecar"]
    assert set(theirs) == {"dashboards", "alerts", "datasources"}
    annotations = pick(manifests, "ConfigMap", "dashboard-sales")["metadata"]["annotations"]
    assert theirs["dashboards"]["folderAnnotation"] in annotations


def test_the_pages_copies_provision_a_grafana_elsewhere(source, tmp_path):
    """Run the page's commands, with other folders in the place of the system's."""
    commands = _block("sh", "mkdir").replace(" /etc/", f" {tmp_path}/etc/")
    subprocess.run(["sh", "-ec", commands], cwd=ROOT, check=True, timeout=PATIENCE_S)
    provisioning = tmp_path / "etc" / "grafana" / "provisioning"
    (found,) = yaml.safe_load((provisioning / "datasources/retail-anomaly.yaml").read_text())["datasources"]
    wanted = {
        **source,
        "url": "$INFLUXDB_URL",
        "jsonData": {**source["jsonData"], "dbName": "$INFLUXDB_BUCKET"},
    }
    assert found == wanted
    assert set(re.findall(r"\$(\w+)", str(found))) <= set(re.findall(r"`(\w+)`", PAGE))
    (provider,) = yaml.safe_load((provisioning / "dashboards/retail-anomaly.yaml").read_text())["providers"]
    there = tmp_path / provider["options"]["path"].removeprefix("/")
    assert {path.name for path in there.iterdir()} == {p.name for p in (CHART / "dashboards").glob("*.json")}
    rules = yaml.safe_load((provisioning / "alerting/retail-anomaly.yaml").read_text())
    asked = {part["datasourceUid"] for g in rules["groups"] for rule in g["rules"] for part in rule["data"]}
    assert asked == {found["uid"], "__expr__"}


def test_the_provider_is_that_of_the_releases_grafana(helm):
    own = pick(render(helm, CASES["in-cluster"]), "ConfigMap", "grafana")["data"]["provider.yaml"]
    assert yaml.safe_load((ROOT / "helm/grafana/dashboards.yaml").read_text()) == yaml.safe_load(own)


def test_the_scrape_job_finds_the_processes_that_a_pod_monitor_finds(helm, promtool, tmp_path):
    page = yaml.safe_load(_block("yaml", "scrape_configs"))
    (job,) = page["scrape_configs"]
    # Debian's promtool was built without Kubernetes.
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"names": [NAMESPACE]}}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(page))
    subprocess.run(
        [promtool, "check", "config", "prometheus.yml"], cwd=tmp_path, check=True, timeout=PATIENCE_S
    )
    keeps = {
        rule["source_labels"][0].removeprefix("__meta_kubernetes_pod_"): rule["regex"]
        for rule in job["relabel_configs"]
        if rule.get("action") == "keep"
    }
    manifests = render(helm, CASES["grafana-sidecar"], "monitoring.podMonitor.enabled=true")
    monitor = pick(manifests, "PodMonitor", "processes")["spec"]
    (components,) = monitor["selector"]["matchExpressions"]
    assert set(keeps.pop("label_app_kubernetes_io_component").split("|")) == set(components["values"])
    assert keeps == {
        "label_app_kubernetes_io_name": monitor["selector"]["matchLabels"]["app.kubernetes.io/name"],
        "container_port_name": monitor["podMetricsEndpoints"][0]["port"],
    }


def test_the_pages_rules_are_rules_for_prometheus(helm, promtool, tmp_path):
    (tmp_path / "helm").symlink_to(ROOT / "helm")
    shutil.copy(CASES["values-prod"], tmp_path / "my-values.yaml")
    path = f"{Path(helm).parent}:{Path(promtool).parent}:/usr/bin:/bin"
    environment = {"PATH": path, "HOME": str(tmp_path)}
    commands = _block("sh", "helm template")
    done = subprocess.run(
        ["sh", "-ec", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = pick(
        render(helm, CASES["values-prod"], "monitoring.prometheusRule.enabled=true"),
        "PrometheusRule",
        "processes",
    )["spec"]["groups"]
    found = yaml.safe_load((tmp_path / "retail-anomaly.rules.yaml").read_text())["groups"]
    assert [rule["alert"] for group in found for rule in group["rules"]] == [
        rule["alert"] for group in wanted for rule in group["rules"]
    ]
