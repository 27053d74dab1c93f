"""Nodes in name only: the pods that they get run, are ready and end, and claims get volumes.

A container here has nothing inside, and ends as the annotation `OUTCOME` of its pod says. As with a
real kubelet a pod waits for the Secrets and ConfigMaps that it names. The Job for InfluxDB's tokens writes
them, with the rights of its own account.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.error import HTTPError

from tests.cluster.api import MERGE, STATUS, Api, Object
from tests.cluster.volumes import give_volumes, make_classes

LOOK_S = 0.1
BEAT_S = 10.0
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "500Gi"}
TOKENS = ("INFLUXDB_TOKEN", "GRAFANA_INFLUXDB_TOKEN")
# In each of two zones a node for anybody, and two for those who ask for them by the labels of `ci/`.
ZONES, POOLS = ("a", "b"), ("any", "shops", "shops-fast")
DEDICATED = {"key": "dedicated", "value": "shops", "effect": "NoSchedule"}
OUTCOME = "example.com/outcome"  # "failure": the pod's containers end with code 1


class Nodes:
    """Plays the kubelets and the provisioner of volumes, in a thread.

    Parameters
    ----------
    api
        The API of the control plane.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._names = {f"{pool}-{zone}": (pool, zone) for pool in POOLS for zone in ZONES}
        self._addresses = 0
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self.failure: Exception | None = None

    def start(self) -> None:
        """Register the nodes and the classes of volumes, and begin."""
        for name, (pool, zone) in self._names.items():
            labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone}
            labels |= {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "pool": pool}
            labels |= {"disk": "hdd" if pool == "any" else "ssd"}
            spec = {"taints": [DEDICATED]} if pool != "any" else {}
            self._api.call(
                "POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}, "spec": spec}
            )
        make_classes(self._api)
        self._thread.start()

    def stop(self) -> None:
        """End; a test fails if the nodes could not go on."""
        self._ends.set()
        self._thread.join()
        if self.failure is not None:
            raise self.failure

    def _live(self) -> None:
        beaten = -BEAT_S
        while not self._ends.wait(LOOK_S):
            try:
                if time.monotonic() - beaten > BEAT_S:
                    self._beat()
                    beaten = time.monotonic()
                give_volumes(self._api)
                for pod in self._api.items("/api/v1/pods"):
                    if pod["spec"].get("nodeName") in self._names:
                        self._step(pod)
            except HTTPError as error:
                # Gone or changed since the list was read: the next look sees it as it is.
                if error.code not in (404, 409):
                    self.failure = error
            except OSError:
                continue  # a busy server: the next look asks it again

    def _beat(self) -> None:
        ready = {"type": "Ready", "status": "True", "reason": "Tests", "message": ""}
        times = {"lastHeartbeatTime": _now(), "lastTransitionTime": _now()}
        for name in self._names:
            status = {"capacity": ROOM, "allocatable": ROOM, "conditions": [ready | times]}
            self._api.call("PATCH", f"/api/v1/nodes/{name}/status", {"status": status}, STATUS)

    def _step(self, pod: Object) -> None:
        about, spec = pod["metadata"], pod["spec"]
        path = f"/api/v1/namespaces/{about['namespace']}/pods/{about['name']}"
        phase = pod["status"].get("phase")
        if about.get("deletionTimestamp"):
            self._api.call("DELETE", path, {"gracePeriodSeconds": 0})
        elif phase == "Pending" and self._has_all(about["namespace"], spec):
            self._addresses += 1
            place = f"10.1.{self._addresses // 250}.{self._addresses % 250 + 1}"
            status = {"podIP": place, "podIPs": [{"ip": place}], "startTime": _now()}
            self._say(path, status | _status(spec, "Running"))
        elif phase == "Running" and spec["restartPolicy"] != "Always":
            fails = about.get("annotations", {}).get(OUTCOME) == "failure"
            if not fails:
                self._work(about["namespace"], spec)
            self._say(path, _status(spec, "Failed" if fails else "Succeeded"))

    def _say(self, path: str, status: Object) -> None:
        self._api.call("PATCH", f"{path}/status", {"status": status}, STATUS)

    def _has_all(self, namespace: str, spec: Object) -> bool:
        """Whether each Secret and ConfigMap that a pod needs is there, with the keys that it names."""
        for kind, name, key in needs(spec):
            found = self._api.find(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
            if found is None or (key is not None and key not in (found.get("data") or {})):
                return False
        return True

    def _work(self, namespace: str, spec: Object) -> None:
        """Do what the Job of InfluxDB's tokens does, as its account; other containers do nothing."""
        for container in spec["containers"]:
            given = {entry["name"]: entry.get("value") for entry in container.get("env", [])}
            if secret := given.get("TOKENS_SECRET"):
                account = self._api.as_account(namespace, spec["serviceAccountName"])
                data = {name: base64.b64encode(b"a token").decode() for name in TOKENS}
                account.call(
                    "PATCH", f"/api/v1/namespaces/{namespace}/secrets/{secret}", {"data": data}, MERGE
                )


def needs(spec: Object) -> Iterator[tuple[str, str, str | None]]:
    """Yield what a pod waits for: ``secrets`` or ``configmaps``, a name, and a key if it names one."""
    kinds = {"secret": "secrets", "configMap": "configmaps"}
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for entry in container.get("env", []):
            for kind, plural in kinds.items():
                wanted = entry.get("valueFrom", {}).get(f"{kind}KeyRef")
                if wanted and not wanted.get("optional"):
                    yield plural, wanted["name"], wanted["key"]
        for entry in container.get("envFrom", []):
            for kind, plural in kinds.items():
                if (wanted := entry.get(f"{kind}Ref")) and not wanted.get("optional"):
                    yield plural, wanted["name"], None
    for volume in spec.get("volumes", []):
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for kind, plural in kinds.items():
                if (wanted := source.get(kind)) and not wanted.get("optional"):
                    keys = [item["key"] for item in wanted.get("items", [])] or [None]
                    yield from ((plural, wanted.get("secretName") or wanted["name"], key) for key in keys)


def _status(spec: Object, phase: str) -> Object:
    runs = phase == "Running"
    times = {"startedAt": _now(), "finishedAt": _now()}
    done: Object = {"terminated": {"exitCode": 0, "reason": "Completed", **times}}
    failed: Object = {"terminated": {"exitCode": 1, "reason": "Error", **times}}
    running: Object = {"running": {"startedAt": _now()}}
    state = {"Running": running, "Succeeded": done, "Failed": failed}[phase]
    ready = {"Initialized": True, "PodScheduled": True, "ContainersReady": runs, "Ready": runs}
    return {
        "phase": phase,
        "conditions": [
            {"type": kind, "status": str(holds), "lastTransitionTime": _now()}
            for kind, holds in ready.items()
        ],
        "initContainerStatuses": [_container(c, done, ready=True) for c in spec.get("initContainers", [])],
        "containerStatuses": [_container(c, state, ready=runs) for c in spec["containers"]],
    }


def _container(container: Object, state: Object, *, ready: bool) -> Object:
    facts = {"name": container["name"], "image": container["image"], "imageID": "none", "restartCount": 0}
    return facts | {"ready": ready, "started": "running" in state, "state": state}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
