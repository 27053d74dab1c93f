"""A cluster's own rules reach every pod: nodes, labels, users, ports; and what an upgrade leaves as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import (
    CASES,
    CHART,
    NAMESPACE,
    RELEASE,
    Manifest,
    call,
    containers,
    pick,
    pods,
    render,
)


@pytest.fixture(scope="module")
def ruled(helm) -> tuple[Manifest, ...]:
    return render(helm, CASES["house-rules"])


def test_every_pod_runs_where_the_cluster_says(ruled):
    asked = yaml.safe_load(CASES["house-rules"].read_text())
    seen = set()
    for name, metadata, spec in pods(ruled):
        part = metadata["labels"]["app.kubernetes.io/component"]
        own = asked["streamer"]["nodeSelector"] if part == "streamer" else asked["nodeSelector"]
        assert spec["nodeSelector"] == own, name
        for key in ("tolerations", "affinity", "priorityClassName"):
            assert spec[key] == asked[key], (name, key)
        seen.add(part)
    # Each kind of workload is among them.
    assert seen >= {"streamer", "sink", "topics", "generator", "kafka", "influxdb", "grafana", "test"}


def test_every_object_and_every_pod_has_the_clusters_labels_and_annotations(ruled):
    for manifest in ruled:
        assert manifest["metadata"]["labels"]["example.com/cost-centre"] == "4711"
    for name, metadata, _ in pods(ruled):
        assert metadata["labels"]["example.com/cost-centre"] == "4711"
        assert metadata["labels"]["example.com/mesh"] == "off"
        wanted = "true" if name.endswith("-streamer") else "false"
        assert metadata["annotations"]["example.com/inject"] == wanted
    # What selects pods, and what can't be changed later, is free of them.
    for manifest in ruled:
        if manifest["kind"] in {"StatefulSet", "Deployment"}:
            assert set(manifest["spec"]["selector"]["matchLabels"]) == {
                f"app.kubernetes.io/{key}" for key in ("name", "instance", "component")
            }


def test_no_pod_names_a_user_if_the_cluster_chooses_it(ruled):
    for _, _, spec in pods(ruled):
        assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(spec["securityContext"])
        assert spec["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("case", CASES)
def test_logs_and_exec_find_the_main_container(helm, case):
    for _, metadata, spec in pods(render(helm, CASES[case])):
        main = metadata["annotations"]["kubectl.kubernetes.io/default-container"]
        assert main in {container["name"] for container in spec["containers"]}


def test_our_commands_get_more_variables_and_volumes(ruled):
    ours = [
        c
        for _, _, spec in pods(ruled)
        for c in containers(spec)
        if c.get("command", [""])[0].startswith("retail-")
    ]
    assert len(ours) > 8
    for container in ours:
        assert {"name": "MALLOC_ARENA_MAX", "value": "2"} in container["env"]
        assert {"configMapRef": {"name": "proxies", "optional": True}} in container["envFrom"]
        assert "/etc/company" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_names_can_be_the_clusters(helm):
    named = render(helm, CASES["external"], "fullnameOverride=lp", "nameOverride=retail")
    assert {m["metadata"]["name"].partition("-")[0] for m in named} == {"lp"}
    assert {m["metadata"]["labels"]["app.kubernetes.io/name"] for m in named} == {"retail"}
    policy = next(m for m in named if m["kind"] == "NetworkPolicy" and m["metadata"]["name"] == "lp-all")
    assert policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "retail"


def test_network_policies_name_the_clusters_ports_and_peers(ruled):
    def rules(part: str, direction: str) -> list[Manifest]:
        return pick(ruled, "NetworkPolicy", part)["spec"][direction]

    (dns,) = rules("all", "egress")
    assert {(p["protocol"], p["port"]) for p in dns["ports"]} == {
        (protocol, port) for protocol in ("UDP", "TCP") for port in (53, 5353)
    }
    assert dns["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kube-system"}
    (api,) = rules("influxdb-bootstrap", "egress")
    assert [p["port"] for p in api["ports"]] == [12345]
    (kafka,) = rules("kafka", "ingress")
    assert [p["namespaceSelector"]["matchLabels"] for p in kafka["from"] if "namespaceSelector" in p] == [
        {"kubernetes.io/metadata.name": "scaling"}
    ]
    (grafana,) = rules("grafana-ingress", "ingress")
    assert [p["port"] for p in grafana["ports"]] == [3000]
    assert grafana["from"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "ingress"
    }


def test_minikubes_api_is_reached_by_default(helm):
    policy = pick(render(helm, CASES["in-cluster"]), "NetworkPolicy", "influxdb-bootstrap")
    assert 8443 in {p["port"] for p in policy["spec"]["egress"][0]["ports"]}


def test_the_ingress_leads_to_grafana(ruled):
    ingress = pick(ruled, "Ingress", "grafana")["spec"]
    (rule,) = ingress["rules"]
    (path,) = rule["http"]["paths"]
    service = pick(ruled, "Service", path["backend"]["service"]["name"].removeprefix("shops-retail-anomaly-"))
    assert path["backend"]["service"]["port"]["name"] in {p["name"] for p in service["spec"]["ports"]}
    assert ingress["tls"] == [{"hosts": [rule["host"]], "secretName": "alerts-tls"}]


def test_a_topic_that_differs_fails_the_job_at_once(helm):
    """Exit code 1 of the check is its answer; a pod that was killed is tried again."""
    job = pick(render(helm, CASES["values-prod"]), "Job", "topics")["spec"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob"
    on = rule["onExitCodes"]
    assert (on["operator"], on["values"]) == ("In", [1, 2])
    spec = job["template"]["spec"]
    assert on["containerName"] in {container["name"] for container in spec["containers"]}
    assert spec["restartPolicy"] == "Never"  # the policy needs it


KINDS = {
    "v1": ["ServiceAccount", "ConfigMap", "Service"],
    "apps/v1": ["StatefulSet", "Deployment"],
    "batch/v1": ["Job"],
    "networking.k8s.io/v1": ["NetworkPolicy"],
    "policy/v1": ["PodDisruptionBudget"],
    "keda.sh/v1alpha1": ["ScaledObject"],
}


def _resources(version: str, kinds: list[str]) -> Manifest:
    found = [
        {"name": f"{kind.lower()}s", "kind": kind, "namespaced": True, "verbs": ["get", "list"]}
        for kind in kinds
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": found}


class Cluster:
    """The part of a Kubernetes API that Helm asks when a template looks an object up."""

    def __init__(self, replicas: int | None) -> None:
        versions = [
            {"groupVersion": version, "version": version.partition("/")[2]}
            for version in KINDS
            if version != "v1"
        ]
        groups = [
            {"name": v["groupVersion"].partition("/")[0], "versions": [v], "preferredVersion": v}
            for v in versions
        ]
        answers: dict[str, Any] = {
            "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/api/v1": _resources("v1", KINDS["v1"]),
            "/apis": {"kind": "APIGroupList", "groups": groups},
            **{f"/apis/{v}": _resources(v, kinds) for v, kinds in KINDS.items() if v != "v1"},
        }
        if replicas is not None:
            name = f"{RELEASE}-retail-anomaly-streamer"
            answers[f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets/{name}"] = {
                "apiVersion": "apps/v1",
                "kind": "StatefulSet",
                "metadata": {
                    "name": name,
                    "labels": {"app.kubernetes.io/managed-by": "Helm"},
                    "annotations": {
                        "meta.helm.sh/release-name": RELEASE,
                        "meta.helm.sh/release-namespace": NAMESPACE,
                    },
                },
                "spec": {"replicas": replicas},
            }

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = answers.get(self.path.partition("?")[0])
                missing = {
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "reason": "NotFound",
                    "code": 404,
                }
                body = json.dumps(missing if found is None else found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def cluster() -> Iterator[Any]:
    started: list[Cluster] = []

    def start(replicas: int | None) -> str:
        started.append(Cluster(replicas))
        return started[-1].url

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


def _replicas(helm: Path, *options: str) -> int | None:
    arguments = ["template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values"]
    done = call(helm, *arguments, str(CASES["external"]), *options)
    assert done.returncode == 0, done.stderr
    manifests = tuple(m for m in yaml.safe_load_all(done.stdout) if m)
    replicas: int | None = pick(manifests, "StatefulSet", "streamer")["spec"].get("replicas")
    return replicas


def test_autoscaling_that_is_switched_on_leaves_the_streamers_that_run(either_helm, cluster):
    scaled = ("--set", "autoscaling.enabled=true,autoscaling.maxReplicas=6")

    def asking(replicas: int | None) -> tuple[str, ...]:
        return "--dry-run=server", "--disable-openapi-validation", "--kube-apiserver", cluster(replicas)

    assert _replicas(either_helm, *scaled, *asking(3)) == 3
    # Later upgrades leave KEDA's own number too, and a first installation leaves it to KEDA.
    assert _replicas(either_helm, *scaled, *asking(5)) == 5
    assert _replicas(either_helm, *scaled, *asking(None)) is None
    assert _replicas(either_helm, *scaled) is None
    assert _replicas(either_helm, *asking(5)) == 1
