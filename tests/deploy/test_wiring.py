"""Parts of the chart agree: selectors, ports, probes, volumes, names of variables, network policies."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from retail_anomaly.settings import Settings, flatten
from streamer.kafka.connection import VARIABLES
from streamer.sinks import influx_target
from tests.deploy.chart import CASES, CHART, Manifest, containers, part_of, pick, pods, render, selects

OURS = ("retail-anomaly:0.1.0", "retail-anomaly-board:0.1.0", "registry.example.com")
# The environment of our image that is not a setting.
NAMES = {
    "RETAIL_LOG_LEVEL",
    "LIVE_CODE",
    "MALLOC_ARENA_MAX",
    "TZ",
    influx_target.URL,
    influx_target.ORG,
    influx_target.BUCKET,
    influx_target.TOKEN,
    influx_target.CA,
    "RETAIL_PSEUDONYM_KEY",
    "RETAIL_PSEUDONYM_KEY_2",
}
BOOTSTRAP = {"INFLUXDB_RETENTION_SECONDS", "TOKENS_SECRET", "INFLUXDB_ADMIN_PASSWORD", "INFLUXDB_ADMIN_TOKEN"}
RESTRICTED_VOLUMES = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}


@pytest.fixture(params=CASES)
def manifests(helm, request) -> tuple[Manifest, ...]:
    return render(helm, CASES[request.param])


def test_names_are_unique_and_short(manifests):
    keys = [(m["kind"], m["metadata"]["name"]) for m in manifests]
    assert len(keys) == len(set(keys))
    # A Job's pods and a StatefulSet's get more behind it.
    assert all(len(name) <= 63 - 11 for _, name in keys)
    assert {m["metadata"]["namespace"] for m in manifests} == {"loss-prevention"}


def test_a_process_has_its_pods_name_in_its_group_where_that_lasts(manifests):
    source = {"fieldRef": {"fieldPath": "metadata.name"}}
    for kind_and_name, _, spec in pods(manifests):
        for container in spec["containers"]:
            given = {v["name"]: v.get("valueFrom") for v in container.get("env", [])}
            lasts = kind_and_name.startswith("StatefulSet/") and container["image"].startswith(OURS)
            assert given.get("RETAIL__STREAMER__INSTANCE_ID") == (source if lasts else None), kind_and_name


def test_workloads_select_their_own_pods_and_no_others(manifests):
    labels = {name: metadata["labels"] for name, metadata, _ in pods(manifests)}
    for manifest in manifests:
        if manifest["kind"] in {"StatefulSet", "Deployment"}:
            name = f"{manifest['kind']}/{manifest['metadata']['name']}"
            assert [n for n, found in labels.items() if selects(manifest["spec"]["selector"], found)] == [
                name
            ]


def test_services_budgets_and_monitors_select_pods_that_are_there(manifests):
    specs = [(metadata["labels"], spec) for _, metadata, spec in pods(manifests)]
    for manifest in manifests:
        if manifest["kind"] == "Service":
            found = [
                spec
                for labels, spec in specs
                if selects({"matchLabels": manifest["spec"]["selector"]}, labels)
            ]
            assert len(found) == 1, manifest["metadata"]["name"]
            named = {port["name"] for c in found[0]["containers"] for port in c.get("ports", [])}
            assert {port["targetPort"] for port in manifest["spec"]["ports"]} <= named
        elif manifest["kind"] == "ServiceMonitor":
            services = [
                m
                for m in manifests
                if m["kind"] == "Service" and selects(manifest["spec"]["selector"], m["metadata"]["labels"])
            ]
            assert {part_of(m["metadata"]["labels"]) for m in services} == {
                part_of(labels)
                for labels, spec in specs
                for c in spec["containers"]
                if c.get("readinessProbe", {}).get("httpGet", {}).get("path") == "/readyz"
            }
            for endpoint in manifest["spec"]["endpoints"]:
                assert all(endpoint["port"] in {p["name"] for p in m["spec"]["ports"]} for m in services)
        elif manifest["kind"] == "PodDisruptionBudget":
            assert sum(selects(manifest["spec"]["selector"], labels) for labels, _ in specs) == 1
        elif manifest["kind"] == "PodMonitor":
            watched = {
                part_of(labels): spec
                for labels, spec in specs
                if selects(manifest["spec"]["selector"], labels)
            }
            parts = {
                part_of(m["metadata"]["labels"])
                for m in manifests
                if m["kind"] in {"StatefulSet", "Deployment"}
            }
            assert set(watched) == parts
            for endpoint in manifest["spec"]["podMetricsEndpoints"]:
                for spec in watched.values():
                    assert endpoint["port"] in {port["name"] for port in spec["containers"][0]["ports"]}
        elif manifest["kind"] == "ScaledObject":
            assert (
                pick(manifests, "StatefulSet", "streamer")["metadata"]["name"]
                == (manifest["spec"]["scaleTargetRef"]["name"])
            )
            assert "replicas" not in pick(manifests, "StatefulSet", "streamer")["spec"]


def test_stateful_sets_have_their_service_and_their_volume(manifests):
    services = {m["metadata"]["name"] for m in manifests if m["kind"] == "Service"}
    for manifest in manifests:
        if manifest["kind"] == "StatefulSet":
            assert manifest["spec"]["serviceName"] in services
            claims = {claim["metadata"]["name"] for claim in manifest["spec"]["volumeClaimTemplates"]}
            (main,) = manifest["spec"]["template"]["spec"]["containers"]
            assert claims <= {mount["name"] for mount in main["volumeMounts"]}


def test_probes_ask_ports_that_are_open(manifests):
    probed = 0
    for name, _, spec in pods(manifests):
        runs_on = not name.startswith(("Job/", "Pod/"))
        for container in spec["containers"]:
            ports = {port["name"] for port in container.get("ports", [])}
            probes = [
                container[key]
                for key in ("startupProbe", "livenessProbe", "readinessProbe")
                if key in container
            ]
            assert len(probes) == (3 if runs_on else 0), name
            for probe in probes:
                assert (probe.get("httpGet") or probe["tcpSocket"])["port"] in ports
                probed += 1
    assert probed


def test_mounts_name_volumes_and_volumes_name_objects(manifests):
    there = {(m["kind"], m["metadata"]["name"]) for m in manifests}
    for name, _, spec in pods(manifests):
        owner = next(m for m in manifests if f"{m['kind']}/{m['metadata']['name']}" == name)
        claims = {c["metadata"]["name"] for c in owner.get("spec", {}).get("volumeClaimTemplates", [])}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        used = {mount["name"] for c in containers(spec) for mount in c["volumeMounts"]}
        assert used == set(volumes) | claims, name
        for volume in volumes.values():
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
        for container in containers(spec):
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths))
            assert "/tmp" in paths or part_of(owner["metadata"]["labels"]) == "influxdb-bootstrap"  # noqa: S108
        accounts = {n for kind, n in there if kind == "ServiceAccount"}
        assert spec["serviceAccountName"] in accounts


def test_each_variable_is_a_setting_or_known(manifests):
    settings = {f"RETAIL__{path.replace('.', '__').upper()}" for path in flatten(Settings())}
    for _, metadata, spec in pods(manifests):
        for container in containers(spec):
            if container["image"].startswith(OURS):
                names = [variable["name"] for variable in container.get("env", [])]
                assert len(names) == len(set(names))
                allowed = (
                    settings
                    | NAMES
                    | (BOOTSTRAP if part_of(metadata["labels"]) == "influxdb-bootstrap" else set())
                )
                assert set(names) <= allowed


def test_secrets_come_from_secrets(manifests):
    """No password, token or key stands in an object as text."""
    for manifest in manifests:
        if manifest["kind"] == "Secret":
            assert not {"data", "stringData"} & set(manifest)
    for _, _, spec in pods(manifests):
        for container in containers(spec):
            for variable in container.get("env", []):
                if (
                    re.search("PASSWORD|TOKEN|SECRET", variable["name"])
                    and variable["name"] != "TOKENS_SECRET"
                ):
                    assert "value" not in variable or variable["name"].endswith("__FILE")


def test_pods_meet_the_restricted_standard(manifests):
    for name, _, spec in pods(manifests):
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}, name
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        # None where the cluster chooses the user.
        assert spec["securityContext"].get("runAsUser", 10001) > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all(set(volume) - {"name"} <= RESTRICTED_VOLUMES for volume in spec["volumes"])
        for container in containers(spec):
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["readOnlyRootFilesystem"] is True
            assert all("hostPort" not in port for port in container.get("ports", []))
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]
            assert re.search(r"(@sha256:[a-f0-9]{64}|:v?\d+(\.\d+)+)$", container["image"])


def test_one_pod_has_a_token_and_may_do_one_thing(helm):
    manifests = render(helm, CASES["in-cluster"])
    with_token = [
        name
        for name, _, spec in pods(manifests)
        for volume in spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    (job,) = with_token
    assert job.startswith("Job/shops-retail-anomaly-influxdb-bootstrap-")
    (role,) = [m for m in manifests if m["kind"] in {"Role", "ClusterRole"}]
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "resourceNames": ["shops-retail-anomaly-influxdb-tokens"],
            "verbs": ["get", "patch"],
        }
    ]
    # The Secret that sink and Grafana read is the one it writes.
    (sink,) = [c for n, _, spec in pods(manifests) if n.endswith("-sink") for c in spec["containers"]][:1]
    (token,) = [v["valueFrom"]["secretKeyRef"] for v in sink["env"] if v["name"] == "INFLUXDB_TOKEN"]
    assert token == {"name": "shops-retail-anomaly-influxdb-tokens", "key": "INFLUXDB_TOKEN"}


def test_changed_configuration_rolls_the_pods(helm):
    before, after, other = (
        render(
            helm,
            CASES["external"],
            f"config.detectors.refund_burst.count={count}",
            f"sink.replicas={replicas}",
        )
        for count, replicas in ((3, 1), (4, 1), (3, 2))
    )
    for kind, part in (
        ("StatefulSet", "streamer"),
        ("StatefulSet", "store-metrics"),
        ("StatefulSet", "triage"),
        ("Deployment", "sink"),
    ):
        first, second, third = (pick(m, kind, part)["spec"]["template"] for m in (before, after, other))
        assert first != second
        assert first == third
    # A Job can't be changed: another one is made, and only then.
    jobs = [
        json.dumps([x["metadata"]["name"] for x in m if x["kind"] == "Job"]) for m in (before, after, other)
    ]
    assert jobs[0] != jobs[1]
    assert jobs[0] == jobs[2]


@pytest.mark.parametrize("part", ["streamer", "store-metrics", "triage", "sink"])
def test_processes_survive_a_node_and_end_in_peace(helm, part):
    manifests = render(helm, CASES["values-prod"])
    kind = "Deployment" if part == "sink" else "StatefulSet"
    workload = pick(manifests, kind, part)["spec"]
    pod = workload["template"]["spec"]
    assert workload["replicas"] > 1
    assert pod["terminationGracePeriodSeconds"] == 90
    assert {c["topologyKey"] for c in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    assert all(
        selects(c["labelSelector"], workload["template"]["metadata"]["labels"])
        for c in pod["topologySpreadConstraints"]
    )
    assert pick(manifests, "PodDisruptionBudget", part)["spec"]["maxUnavailable"] == 1
    probes = {
        key: pod["containers"][0][key]["httpGet"]["path"]
        for key in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert probes == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}


def test_state_lies_on_a_volume_that_stays(helm):
    for part in ("streamer", "store-metrics", "triage"):
        workload = pick(render(helm, CASES["values-prod"]), "StatefulSet", part)["spec"]
        (main,) = workload["template"]["spec"]["containers"]
        (claim,) = workload["volumeClaimTemplates"]
        mounted = {mount["mountPath"]: mount["name"] for mount in main["volumeMounts"]}
        assert mounted["/var/lib/retail-anomaly"] == claim["metadata"]["name"]
        assert set(workload["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}


def test_external_kafka_gets_its_secrets_in_every_process(helm):
    manifests = render(helm, CASES["secured"])
    for name, _, spec in pods(manifests):
        for container in containers(spec):
            if container["image"].startswith(OURS):
                assert container["envFrom"] == [{"secretRef": {"name": "kafka"}}], name
                assert any(mount["mountPath"] == "/etc/kafka-tls" for mount in container["volumeMounts"])
    # Who talks to an InfluxDB with an authority of its own knows it.
    knows = {
        name: container
        for name, _, spec in pods(manifests)
        for container in containers(spec)
        if any(mount["mountPath"] == "/etc/influxdb-tls" for mount in container["volumeMounts"])
    }
    assert {name.rpartition("retail-anomaly-")[2] for name in knows} == {"sink", "test-sink", "grafana"}
    for name, container in knows.items():
        if not name.endswith("grafana"):
            assert {"name": influx_target.CA, "value": "/etc/influxdb-tls/ca.crt"} in container["env"]
    source = yaml.safe_load(pick(manifests, "ConfigMap", "grafana")["data"]["datasource.yaml"])[
        "datasources"
    ][0]
    assert source["jsonData"]["tlsAuthWithCACert"] is True
    assert source["secureJsonData"]["tlsCACert"] == "$__file{/etc/influxdb-tls/ca.crt}"
    # The names in the chart's README are the streamer's.
    readme = (CASES["values-prod"].parent / "README.md").read_text()
    named = set(re.findall(r"--from-(?:literal|file)=(KAFKA_\w+)=", readme))
    assert named
    assert named <= set(VARIABLES)


def test_topics_are_made_by_who_may(helm):
    job = pick(render(helm, CASES["values-prod"]), "Job", "topics")["spec"]["template"]["spec"]
    assert {c["envFrom"][0]["secretRef"]["name"] for c in containers(job)} == {"retail-kafka-admin"}
    only_checked = pick(render(helm, CASES["check-topics"]), "Job", "topics")["spec"]["template"]["spec"]
    assert [c["command"][:3] for c in containers(only_checked)] == [["retail-streamer", "topics", "--check"]]


def test_dashboards_find_their_data_sources(helm):
    """Grafana has what the dashboards and the alert rules ask for, and gets all of them."""
    manifests = render(helm, CASES["grafana-external"])
    data = pick(manifests, "ConfigMap", "grafana")["data"]
    dashboards = pick(manifests, "ConfigMap", "grafana-dashboards")["data"]
    folder = CHART / "dashboards"
    assert {name: json.loads(text) for name, text in dashboards.items()} == {
        path.name: json.loads(path.read_text()) for path in folder.glob("*.json")
    }
    sources = {source["uid"]: source for source in yaml.safe_load(data["datasource.yaml"])["datasources"]}
    for name, text in dashboards.items():
        variables = json.loads(text)["templating"]["list"]
        asked = {v["query"] for v in variables if v["type"] == "datasource"}
        assert asked, name
        assert asked <= {source["type"] for source in sources.values()}
    rules = yaml.safe_load(data["rules.yaml"])
    asked = {part["datasourceUid"] for g in rules["groups"] for rule in g["rules"] for part in rule["data"]}
    assert asked <= {*sources, "__expr__"}
    (grafana,) = [spec for name, _, spec in pods(manifests) if name.endswith("-grafana")]
    (provisioning,) = [v["configMap"]["items"] for v in grafana["volumes"] if v["name"] == "provisioning"]
    assert {item["key"] for item in provisioning} == set(data)
    # Its own network policy lets it reach Prometheus.
    policy = pick(manifests, "NetworkPolicy", "grafana")["spec"]
    assert policy["egress"] == [{"ports": [{"protocol": "TCP", "port": 9090}]}]
