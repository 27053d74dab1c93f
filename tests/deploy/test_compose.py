"""compose.yaml against the Compose specification and against the chart: one stack, described twice."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from retail_anomaly.settings import Settings, flatten
from tests.deploy.chart import CASES, CHART, ROOT, Manifest, containers, pick, pods, render
from tests.support.waiting import PATIENCE_S

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {"topics", "streamer", "store-metrics", "triage", "sink", "generator", "influxdb-bootstrap"}

NOTIFY = ("notify.enabled=true", "notify.existingSecret=retail-notify")
OPTIONAL = {f"RETAIL_PSEUDONYM_KEY{number}" for number in ("", "_2", "_3")}


@pytest.fixture(scope="module")
def parts(helm) -> dict[str, Manifest]:
    """Give the main container of each part of the chart with development values."""
    found = {}
    for name, metadata, spec in pods(render(helm, CASES["values-dev"], "returns.enabled=true", *NOTIFY)):
        if not name.startswith("Pod/"):
            found[metadata["labels"]["app.kubernetes.io/component"]] = spec["containers"][0]
    return found


def test_fits_the_specification(compose_schema):
    schema = json.loads(compose_schema.read_text())
    # The newest draft that the validator knows. The file names the same one with a typo, so that the
    # validator does not find it.
    jsonschema.Draft7Validator(schema).validate(COMPOSE)
    broken = {**COMPOSE, "services": {**SERVICES, "sink": {**SERVICES["sink"], "enviroment": {}}}}
    assert not jsonschema.Draft7Validator(schema).is_valid(broken)


def test_services_are_the_charts_parts(parts):
    assert set(SERVICES) == set(parts)


def test_images_are_the_charts(parts):
    assert {name: service["image"] for name, service in SERVICES.items()} == {
        name: container["image"] for name, container in parts.items()
    }
    kafka = re.search(
        r"<kafka.version>(.+)</kafka.version>", (ROOT / "tests" / "kafka" / "pom.xml").read_text()
    )
    assert kafka is not None
    # The tests run the code that is deployed.
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka[1]}"


def test_commands_are_the_charts(parts):
    for name in ("streamer", "store-metrics", "triage", "sink"):
        command = parts[name]["command"]
        said = SERVICES[name]["command"]
        assert said == command or said[2].endswith(f"exec {' '.join(command)}")
    assert (
        parts["influxdb"]["command"] == SERVICES["influxdb"]["entrypoint"] + SERVICES["influxdb"]["command"]
    )
    script = parts["influxdb-bootstrap"]["command"]
    assert SERVICES["influxdb-bootstrap"]["command"] == script
    mounted = [v for v in SERVICES["influxdb-bootstrap"]["volumes"] if v.startswith("./")]
    assert mounted == ["./helm/retail-anomaly/files:/etc/bootstrap:ro"]
    assert (CHART / "files" / script[-1].rpartition("/")[2]).is_file()


def test_the_generator_sends_the_charts_world(parts):
    ours, theirs = (
        sorted(" ".join(command).replace("=", " ").split(" --"))
        for command in (SERVICES["generator"]["command"], parts["generator"]["command"])
    )
    address = "broker shops-retail-anomaly-kafka.loss-prevention.svc:9092"
    assert ours == ["broker kafka:9092" if option == address else option for option in theirs]
    # What is sent again after an error would be sent twice.
    assert "resume" in ours


def test_a_shell_that_stays_is_not_the_first_process():
    for name, service in SERVICES.items():
        command = service.get("command", [])
        if command[:1] == ["sh"] and " exec " not in f" {command[2]}":
            assert service.get("init") is True, f"{name}: its shell would keep SIGTERM to itself"


def test_make_up_prints_the_addresses_of_the_published_ports():
    published = {int(port.split(":")[1]): name for name, s in SERVICES.items() for port in s.get("ports", [])}
    text = (ROOT / "Makefile").read_text().partition("\nup:")[2].partition("\n\n")[0]
    named = {published[int(port)] for port in re.findall(r"localhost:(\d+)", text)}
    assert named == {"grafana", "kafka-ui", "kafka"}
    board = re.search(r"/d/(retail-[a-z]+)\?", text)
    assert board
    assert board[1] in {json.loads(p.read_text())["uid"] for p in (CHART / "dashboards").glob("*.json")}


def test_make_up_without_compose_says_what_to_install():
    done = subprocess.run(
        ["make", "up", "COMPOSE=false"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode
    assert "install Docker and its Compose plugin" in done.stderr.splitlines()[0]


def test_make_up_waits_for_each_link_and_names_the_one_that_stays_away(capfd):
    links = runpy.run_path(str(ROOT / "helm" / "links.py"))["main"]

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server, HTTPServer(("127.0.0.1", 0), Answers) as silent:
        silent.server_close()
        threading.Thread(target=server.handle_request, daemon=True).start()
        here, away = (f"http://127.0.0.1:{each.server_port}/x" for each in (server, silent))
        assert links([f"Grafana={here}?a=b&c=d", f"Kafka UI={away}"], 0.1) == 1
    out, error = capfd.readouterr()
    assert out.split() == ["Grafana", f"{here}?a=b&c=d"]
    assert error.startswith(f"Kafka UI does not answer at {away}; see ")


def test_ports_are_the_charts_and_bound_to_this_machine(parts):
    hosts = []
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            address, host, inside = port.split(":")
            assert address == "127.0.0.1"
            hosts.append(host)
            assert int(inside) in {p["containerPort"] for p in parts[name]["ports"]}
    assert len(hosts) == len(set(hosts))


def test_environment_is_the_charts(parts):
    settings = {f"RETAIL__{path.replace('.', '__').upper()}" for path in flatten(Settings())}
    for name, service in SERVICES.items():
        given = service.get("environment", {})
        theirs = {variable["name"]: variable.get("value") for variable in parts[name].get("env", [])}
        if name == "kafka":
            continue
        for variable, value in given.items():
            if variable.startswith("RETAIL__"):
                assert variable in settings
            elif variable in OPTIONAL:
                assert name in {"streamer", "returns"}  # as privacy.existingSecret of the chart
            elif variable in {"GF_SECURITY_ADMIN_PASSWORD", "TOKENS_FOLDER"}:
                assert any(other.startswith(("GF_SECURITY_ADMIN_PASSWORD", "TOKENS_")) for other in theirs)
            else:
                assert variable in theirs, (name, variable)
                if theirs[variable] is not None and "://" not in value and "kafka" not in value:
                    assert value == theirs[variable], (name, variable)


def test_kafka_is_set_up_as_the_charts(helm):
    """The image makes properties of variables: KAFKA_LOG_DIRS is log.dirs."""
    lines = pick(render(helm, CASES["values-dev"]), "ConfigMap", "kafka")["data"][
        "server.properties"
    ].splitlines()
    theirs = {
        name: value for name, _, value in (line.partition("=") for line in lines if not line.startswith("#"))
    }
    ours = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    address = "shops-retail-anomaly-kafka.loss-prevention.svc:9092"
    theirs["advertised.listeners"] = theirs["advertised.listeners"].replace(address, "kafka:9092")
    # The image's script formats for a fixed set of controllers, the chart's command for one that may grow.
    assert theirs.pop("controller.quorum.bootstrap.servers") == "localhost:9093"
    assert ours.pop("controller.quorum.voters") == "1@localhost:9093"
    assert ours == theirs


def test_grafana_is_provisioned_as_the_charts(helm):
    data = pick(render(helm, CASES["values-dev"]), "ConfigMap", "grafana")["data"]
    ours = {
        name: yaml.safe_load(config["content"].replace("$$", "$"))
        for name, config in COMPOSE["configs"].items()
        if name != "config"
    }
    theirs = {name: yaml.safe_load(data[f"{name}.yaml"]) for name in ours}
    theirs["datasource"]["datasources"][0]["url"] = "http://influxdb:8086"
    assert ours == theirs
    mounted = [v.split(":")[0] for v in SERVICES["grafana"]["volumes"] if v.startswith("./")]
    assert all((ROOT / path).exists() for path in mounted)


def test_order_follows_health():
    for name, service in SERVICES.items():
        for needed, how in (service.get("depends_on") or {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[needed]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert SERVICES[needed]["restart"] == "no", f"{name} waits for what starts again for ever"
    assert "topics" in SERVICES["streamer"]["depends_on"]
    assert {"topics", "influxdb-bootstrap"} == set(SERVICES["sink"]["depends_on"])


def test_health_checks_mean_the_same_to_docker_and_podman():
    """Podman's API joins the words of a check and takes CMD apart again at each blank."""
    for name, service in SERVICES.items():
        kind, *words = service.get("healthcheck", {}).get("test", ["CMD"])
        assert kind == "CMD" or (kind, len(words)) == ("CMD-SHELL", 1), name
        assert kind != "CMD" or all(len(word.split()) == 1 for word in words), name


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_health_check_tells_ready_from_not_ready(status, code):
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        _, command = SERVICES["streamer"]["healthcheck"]["test"]
        command = command.replace("localhost:8080", f"127.0.0.1:{server.server_port}")
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, env={"PATH": path})
    assert done.returncode == code


def test_everything_is_hardened():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is (name != "kafka")
        assert not service["image"].endswith(":latest")


def test_secrets_come_from_the_environment_file(tmp_path):
    text = (ROOT / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?run make secrets\}", text))
    named = set(re.findall(r"(?<!\$)\$\{(\w+)", text))
    # Only somebody who asks for pseudonyms has a key, and without it the processes say so.
    assert named - asked == OPTIONAL, "a variable that may be unset"
    assert "\n.env\n" in (ROOT / ".gitignore").read_text()
    make = [
        "make",
        "--no-print-directory",
        "-f",
        str(ROOT / "Makefile"),
        f"PYTHON={sys.executable}",
        "secrets",
    ]
    done = subprocess.run(make, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    file = tmp_path / ".env"
    written = dict(line.split("=", 1) for line in file.read_text().splitlines())
    assert set(written) == asked
    assert len({*written.values()}) == len(written)
    assert all(len(value) >= 32 for value in written.values())
    assert file.stat().st_mode & 0o777 == 0o600
    # A second time it would lock everybody out of the servers that were set up with the first.
    again = subprocess.run(
        make, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd=tmp_path
    )
    assert again.returncode != 0
    assert "remove it first" in again.stderr
    # The chart takes the same names from a Secret that is made of the same file.
    chart = "".join(path.read_text() for path in (CHART / "templates").glob("*.yaml"))
    assert all(name in chart for name in asked)


def test_only_the_generator_has_no_state_of_its_own():
    for name in OURS:
        mounts = [v.split(":")[-1 if ":" not in v else 1] for v in SERVICES[name].get("volumes", [])]
        assert ("/var/lib/retail-anomaly" in mounts) is (name != "generator"), name


def test_settings_are_the_charts_for_development(helm):
    config = yaml.safe_load(
        pick(render(helm, CASES["values-dev"]), "ConfigMap", "config")["data"]["config.yaml"]
    )
    stores = yaml.safe_load(COMPOSE["configs"]["config"]["content"])["stores"]
    assert stores == config["stores"]
    for name in ("topics", "streamer", "store-metrics", "triage", "sink"):
        assert "/etc/retail-anomaly/config.yaml" in {place["target"] for place in SERVICES[name]["configs"]}
        partitions = SERVICES[name]["environment"]["RETAIL__STREAMER__TOPICS__PARTITIONS"]
        assert int(partitions) == config["streamer"]["topics"]["partitions"]


def test_processes_are_given_the_charts_time_to_end(helm):
    for _, metadata, spec in pods(render(helm, CASES["values-dev"])):
        name = metadata["labels"]["app.kubernetes.io/component"]
        if "terminationGracePeriodSeconds" in spec and "stop_grace_period" in SERVICES[name]:
            assert SERVICES[name]["stop_grace_period"] == f"{spec['terminationGracePeriodSeconds']}s"
    assert {
        SERVICES[name]["stop_grace_period"] for name in ("streamer", "store-metrics", "triage", "sink")
    } == {"90s"}


@pytest.mark.parametrize("part", ["streamer", "store-metrics", "triage", "sink"])
def test_manifests_and_compose_ask_for_readiness_alike(parts, part):
    probe = parts[part]["readinessProbe"]["httpGet"]["path"]
    port = SERVICES[part]["environment"]["RETAIL__STREAMER__METRICS_PORT"]
    assert f"http://localhost:{port}{probe}" in SERVICES[part]["healthcheck"]["test"][-1]
    assert containers({"containers": [parts[part]]})[0]["ports"][0]["containerPort"] == int(port)
