"""The Tiltfile, evaluated: its names are in the rendered chart, and its button sends an incident."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import pytest
import starlark
import yaml

from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.settings import Settings, build_engine
from tests.deploy.chart import CHART, ROOT, call, pods
from tests.kafka import consume, create_topics
from tests.support.waiting import PATIENCE_S

INJECT = ROOT / "helm" / "inject_incident.py"
# Tilt gives its file these besides functions.
PRELUDE = """
os = struct(path = struct(exists = _exists))
TRIGGER_MODE_MANUAL = "manual"
NAMING = []
def workload_to_resource_function(naming):
    NAMING.append(naming)
"""
AFTER = """
NAMES = [NAMING[0](struct(name = name, kind = kind)) for name, kind in WORKLOADS]
"""


class Tilt:
    """Evaluates a Tiltfile and keeps its calls."""

    def __init__(self, helm: Path, *, passwords: str | None, context: str = "kind-kind") -> None:
        self.calls: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = defaultdict(list)
        self.objects: list[dict[str, Any]] = []
        self._helm = helm
        module = starlark.Module()
        for name in (
            *("allow_k8s_contexts", "default_registry", "watch_file", "docker_build", "k8s_resource"),
            "local_resource",
        ):
            module.add_callable(name, self._recorder(name))
        # Their results are arguments of the others.
        for name in ("fall_back_on", "sync", "run", "port_forward"):
            module.add_callable(name, lambda *a, _name=name, **k: json.dumps([_name, a, k]))
        module.add_callable("_exists", lambda path: passwords is not None and path == ".env")
        module.add_callable("read_file", lambda _path: passwords)
        module.add_callable("k8s_context", lambda: context)
        module.add_callable("k8s_namespace", lambda: "shops")
        module.add_callable("fail", self._fail)
        module.add_callable("helm", self._render)
        module.add_callable("encode_yaml", yaml.safe_dump)
        module.add_callable("encode_yaml_stream", yaml.safe_dump_all)
        module.add_callable("decode_yaml_stream", lambda text: [o for o in yaml.safe_load_all(text) if o])
        module.add_callable("k8s_yaml", lambda text: self.objects.extend(yaml.safe_load_all(text)))
        dialect = starlark.Dialect.extended()
        dialect.enable_top_level_stmt = True
        libraries = starlark.Globals.extended_by([starlark.LibraryExtension.StructType])
        text = PRELUDE + (ROOT / "Tiltfile").read_text()
        starlark.eval(module, starlark.parse("Tiltfile", text, dialect), libraries)
        kinds = {"StatefulSet", "Deployment", "Job"}
        self.workloads = [(o["metadata"]["name"], o["kind"]) for o in self.objects if o["kind"] in kinds]
        module["WORKLOADS"] = [list(pair) for pair in self.workloads]
        starlark.eval(module, starlark.parse("after", AFTER, dialect), libraries)
        self.names = [str(name) for name in cast("list[str]", module["NAMES"])]

    def _recorder(self, name: str) -> Any:
        def record(*arguments: Any, **named: Any) -> None:
            self.calls[name].append((arguments, named))

        return record

    def _fail(self, message: str) -> None:
        raise RuntimeError(message)

    def _render(self, chart: str, name: str, namespace: str, values: list[str], set: list[str]) -> str:  # noqa: A002
        arguments = ["template", name, str(ROOT / chart), "--namespace", namespace]
        arguments += [part for file in values for part in ("--values", str(ROOT / file))]
        done = call(self._helm, *arguments, *(part for text in set for part in ("--set", text)))
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def tilt(helm) -> Tilt:
    return Tilt(helm, passwords="INFLUXDB_ADMIN_TOKEN=a=b\nGRAFANA_ADMIN_PASSWORD=c\n")


def test_resources_are_the_charts_workloads(tilt):
    named = [arguments[0] for arguments, _ in tilt.calls["k8s_resource"]]
    assert len(set(tilt.names)) == len(tilt.names)
    assert sorted(named) == sorted(tilt.names)


def test_resources_wait_for_what_they_need(tilt):
    after = {a[0]: set(named.get("resource_deps", [])) for a, named in tilt.calls["k8s_resource"]}
    after |= {a[0]: set(named.get("resource_deps", [])) for a, named in tilt.calls["local_resource"]}
    assert set().union(*after.values()) <= set(after)

    def before(name: str) -> set[str]:
        return after[name] | {far for near in after[name] for far in before(near)}

    for name in ("streamer", "store-metrics", "triage", "generator", "sink", "inject-incident"):
        assert {"kafka", "topics"} <= before(name), name
    assert {"influxdb", "influxdb-bootstrap"} <= before("sink") & before("grafana")
    assert all(named["labels"] for _, named in [*tilt.calls["k8s_resource"], *tilt.calls["local_resource"]])


def test_ports_are_open_and_forwarded_to_this_machine_alone(tilt):
    specs = {
        name.split("/")[1]: spec for name, _, spec in pods(tuple(o for o in tilt.objects if "spec" in o))
    }
    local = set()
    for (resource,), named in tilt.calls["k8s_resource"]:
        for forward in named.get("port_forwards", []):
            _, (here, there, _title), options = json.loads(forward)
            assert options["host"] == "127.0.0.1"
            main = specs[f"retail-anomaly-{resource}"]["containers"][0]
            assert there in {port["containerPort"] for port in main["ports"]}
            assert here not in local
            local.add(here)
    assert {3000, 9094} <= local


def test_passwords_come_from_the_file_of_make_secrets(tilt, helm):
    (secret,) = [
        o for o in tilt.objects if o["kind"] == "Secret" and o["metadata"]["name"] == "retail-anomaly"
    ]
    assert secret["stringData"] == {"INFLUXDB_ADMIN_TOKEN": "a=b", "GRAFANA_ADMIN_PASSWORD": "c"}
    assert all(o["metadata"]["namespace"] == "shops" for o in tilt.objects)
    with pytest.raises(Exception, match="run `make secrets` first"):
        Tilt(helm, passwords=None)


def test_image_is_built_and_used_and_code_goes_where_processes_read_it(tilt):
    ((name, context), named) = tilt.calls["docker_build"][0]
    assert context == "."
    running = [
        c
        for key, _, spec in pods(tuple(o for o in tilt.objects if "spec" in o))
        for c in spec["containers"]
        if c["image"].startswith(f"{name}:") and key.split("/")[0] != "Job"
    ]
    assert len(running) == 4
    steps = [json.loads(step) for step in named["live_update"]]
    synced = {arguments[0]: arguments[1] for kind, arguments, _ in steps if kind == "sync"}
    assert all((ROOT / source).is_dir() and target == f"/live/{source}" for source, target in synced.items())
    (watched,) = [arguments[0] for kind, arguments, _ in steps if kind == "fall_back_on"]
    assert all((ROOT / file).is_file() for file in watched)
    for container in running:
        assert container["command"][:2] == ["python", "/etc/live/live_update.py"]
        assert {"name": "LIVE_CODE", "value": "/live"} in container["env"]
        assert "/live" in {mount["mountPath"] for mount in container["volumeMounts"]}
    # The generator's process is not begun again, but Tilt must be able to write there too.
    (generator,) = [
        s for k, _, s in pods(tuple(o for o in tilt.objects if "spec" in o)) if "-generator-" in k
    ]
    assert "/live" in {mount["mountPath"] for mount in generator["containers"][0]["volumeMounts"]}
    assert generator["containers"][0]["command"][0] == "retail-datagen"


def test_helm_tests_are_left_out(tilt):
    assert all(o["kind"] != "Pod" for o in tilt.objects)


@pytest.mark.parametrize(
    ("context", "registry"),
    [
        ("kind-kind", None),
        ("k3d-shops", None),
        ("docker-desktop", None),
        ("microk8s", "localhost:32000"),
    ],
)
def test_local_clusters_are_served_alike_and_others_refused(tilt, helm, context, registry):
    here = Tilt(helm, passwords="A=b", context=context)
    ((allowed,), _) = here.calls["allow_k8s_contexts"][0]
    assert set(allowed) == {"microk8s", "rancher-desktop"}
    assert here.calls["default_registry"] == ([((registry,), {})] if registry else [])
    assert here.workloads == tilt.workloads
    assert here.calls["k8s_resource"] == tilt.calls["k8s_resource"]


def test_button_sends_an_incident(tilt, kafka):
    """The command behind `kubectl exec`, on a real Kafka; its events raise the alerts that it announces."""
    (button,) = [named for (name,), named in tilt.calls["local_resource"] if name == "inject-incident"]
    assert button["auto_init"] is False
    assert button["cmd"].startswith(
        "kubectl exec --stdin statefulset/retail-anomaly-streamer --container streamer -- python - "
    )
    assert (ROOT / button["cmd"].rpartition("< ")[2]) == INJECT
    create_topics(kafka, [name for name in INPUT_TOPICS if name not in _topics(kafka)])
    done = subprocess.run(
        [sys.executable, "-", kafka],
        input=INJECT.read_text(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    store = done.stdout.split()[3].rstrip(":")
    sent = [r for r in consume(kafka, list(INPUT_TOPICS)) if r.key == store.encode()]
    assert len(sent) == 5

    events = runpy.run_path(str(INJECT))["incident"](int(store.removeprefix("injected-")))
    engine = build_engine(Settings())
    memory = engine.new_store(store)
    raised = [alert.type for event in events for alert in engine.process(event, memory)]
    assert set(raised) == {"REFUND_WITHOUT_SALE", "REFUND_BURST", "SECURITY_CORRELATION"}


def _topics(address: str) -> set[str]:
    from confluent_kafka.admin import AdminClient

    return set(AdminClient({"bootstrap.servers": address}).list_topics(timeout=PATIENCE_S).topics)


def test_replaced_code_runs_after_a_hangup(tmp_path):
    """live_update.py as a pod runs it: code is copied once, replaced by Tilt, and runs after SIGHUP."""
    installed, live = tmp_path / "installed" / "streamer", tmp_path / "live"
    installed.mkdir(parents=True)
    live.mkdir()
    code = "import time\nfrom pathlib import Path\nPath('said').open('a').write('{}\\n')\ntime.sleep(60)\n"
    (installed / "__init__.py").touch()
    (installed / "work.py").write_text(code.format("old"))
    process = subprocess.Popen(
        [sys.executable, str(CHART / "files" / "live_update.py"), sys.executable, "-m", "streamer.work"],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "LIVE_CODE": str(live),
            "PYTHONDONTWRITEBYTECODE": "1",  # as in the image
            "PYTHONPATH": str(tmp_path / "installed"),
        },
    )
    try:
        _wait(tmp_path / "said", "old\n")
        (live / "streamer" / "work.py").write_text(code.format("new"))
        process.send_signal(signal.SIGHUP)
        _wait(tmp_path / "said", "old\nnew\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()


def _wait(file: Path, content: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (file.exists() and file.read_text() == content):
        assert time.monotonic() < deadline, file.read_text() if file.exists() else "nothing was said"
        time.sleep(0.05)
