"""Who may reach whom, and who has which secret: network policies and keys of the chart."""

from __future__ import annotations

from tests.deploy.chart import CASES, containers, part_of, pods, render, selects

# From, to, port: the connections that are allowed when all runs in the release, and no others.
TRAFFIC = {
    *(
        (part, "kafka", 9092)
        for part in ("streamer", "store-metrics", "triage", "sink", "topics", "generator", "kafka-ui", "test")
    ),
    *((part, "influxdb", 8086) for part in ("sink", "grafana", "influxdb-bootstrap", "test")),
    *(("test", part, 8080) for part in ("streamer", "store-metrics", "triage", "sink")),
}


def test_network_policies_let_through_what_is_needed_and_no_more(helm):
    manifests = render(helm, CASES["values-dev"])
    labels = {part_of(metadata["labels"]): metadata["labels"] for _, metadata, _ in pods(manifests)}
    policies = [m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"]
    ports = (53, 3000, 8080, 8086, 9092, 9093, 9094)

    def lets(direction: str, mine: dict[str, str], other: dict[str, str], port: int) -> bool:
        peer = {"Ingress": "from", "Egress": "to"}[direction]
        mine_apply = [
            p for p in policies if direction in p["policyTypes"] and selects(p["podSelector"], mine)
        ]
        assert mine_apply, "no policy denies by default"
        return any(
            any(p["port"] == port for p in rule["ports"])
            and (
                peer not in rule
                or any(selects(x["podSelector"], other) for x in rule[peer] if "podSelector" in x)
            )
            for policy in mine_apply
            for rule in policy.get(direction.lower(), [])
        )

    found = {
        (source, target, port)
        for source, mine in labels.items()
        for target, theirs in labels.items()
        for port in ports
        if lets("Egress", mine, theirs, port) and lets("Ingress", theirs, mine, port)
    }
    assert found == TRAFFIC


def test_only_notify_reaches_the_world_and_has_its_addresses(helm):
    addresses = ("notify.enabled=true", "notify.existingSecret=retail-notify")
    manifests = render(helm, CASES["external"], *addresses)
    outside = [
        policy
        for policy in manifests
        if policy["kind"] == "NetworkPolicy"
        and any(port["port"] == 443 for rule in policy["spec"].get("egress", []) for port in rule["ports"])
    ]
    assert [policy["metadata"]["name"] for policy in outside] == ["shops-retail-anomaly-notify"]
    peers = outside[0]["spec"]["podSelector"]["matchExpressions"]
    assert peers == [{"key": "app.kubernetes.io/component", "operator": "In", "values": ["notify"]}]
    with_secret = {
        metadata["labels"]["app.kubernetes.io/component"]
        for _, metadata, spec in pods(manifests)
        for container in containers(spec)
        if {"secretRef": {"name": "retail-notify"}} in container.get("envFrom", [])
    }
    assert with_secret == {"notify"}


def test_only_the_proxy_reaches_the_board_which_reaches_kafka_alone(helm):
    manifests = render(helm, CASES["board"])
    (labels,) = [m["labels"] for name, m, _ in pods(manifests) if name.endswith("-board")]
    applied = {
        manifest["metadata"]["name"].removeprefix("shops-retail-anomaly-"): manifest["spec"]
        for manifest in manifests
        if manifest["kind"] == "NetworkPolicy" and selects(manifest["spec"]["podSelector"], labels)
    }
    assert set(applied) == {"all", "kafka-clients", "board"}
    proxy = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}
    assert applied["board"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 8090}], "from": [proxy]}]
    assert "ingress" not in applied["all"] | applied["kafka-clients"]


def test_the_keys_of_pseudonyms_and_of_their_rotations_are_with_those_that_read_events_alone(helm):
    manifests = render(helm, CASES["notify"], "returns.enabled=true")
    found = {
        metadata["labels"]["app.kubernetes.io/component"]: {
            variable["name"]: variable["valueFrom"]["secretKeyRef"]
            for container in containers(spec)
            for variable in container.get("env", [])
            if "PSEUDONYM" in variable["name"]
        }
        for _, metadata, spec in pods(manifests)
    }
    names = ("RETAIL_PSEUDONYM_KEY", "RETAIL_PSEUDONYM_KEY_2")
    keys = {name: {"name": "retail-pseudonyms", "key": name} for name in names}
    assert {part: each for part, each in found.items() if each} == {"streamer": keys, "returns": keys}
    assert not any(
        {"secretRef": {"name": "retail-pseudonyms"}} in container.get("envFrom", [])
        for _, _, spec in pods(manifests)
        for container in containers(spec)
    )
