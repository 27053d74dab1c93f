"""A release of the chart in a namespace of its own."""

from __future__ import annotations

import base64
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.error import HTTPError

import yaml

from tests.cluster.api import MERGE, Api, Object
from tests.cluster.nodes import needs
from tests.deploy.chart import CHART, RELEASE, pods
from tests.support.waiting import PATIENCE_S

# What a release may consist of. Claims are left out: the volumes stay.
KINDS = {
    "/api/v1": ("services", "configmaps", "serviceaccounts", "pods"),
    "/apis/apps/v1": ("deployments", "statefulsets"),
    "/apis/batch/v1": ("jobs",),
    "/apis/networking.k8s.io/v1": ("networkpolicies", "ingresses"),
    "/apis/policy/v1": ("poddisruptionbudgets",),
    "/apis/rbac.authorization.k8s.io/v1": ("roles", "rolebindings"),
    "/apis/keda.sh/v1alpha1": ("scaledobjects",),
    "/apis/monitoring.coreos.com/v1": ("podmonitors", "servicemonitors", "prometheusrules"),
}

PATIENCE = ("--timeout", f"{PATIENCE_S}s")


class Release:
    """Calls Helm for one release, and looks at what became of it.

    Parameters
    ----------
    api
        The cluster.
    helm
        The program.
    kubeconfig
        Tells Helm where the cluster is.
    secrets
        What is in the Secrets whose content matters, by name and key.
    """

    def __init__(
        self,
        api: Api,
        helm: Path,
        kubeconfig: Path,
        secrets: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    ) -> None:
        self._api, self._helm, self._kubeconfig, self._secrets = api, helm, kubeconfig, secrets
        self.namespace = f"shops-{uuid.uuid4().hex[:8]}"
        enforced = {"pod-security.kubernetes.io/enforce": "restricted"}
        metadata = {"name": self.namespace, "labels": enforced}
        api.call("POST", "/api/v1/namespaces", {"metadata": metadata})

    def helm(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of Helm's for this release."""
        where = ["--kubeconfig", str(self._kubeconfig), "--namespace", self.namespace]
        return subprocess.run(
            [str(self._helm), command, RELEASE, *arguments, *where],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S + 60,
            check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self._helm.parent)},
        )

    def install(self, values: Path, *sets: str, chart: Path = CHART) -> None:
        """Install the chart or upgrade to other values, and wait until all of it is ready."""
        self._make_secrets(values, sets)
        done = self.helm("upgrade", str(chart), "--install", *self._options(values, sets))
        assert done.returncode == 0, f"{done.stderr}\n{self.story()}"

    def apply(self, values: Path, *sets: str) -> None:
        """Install the chart, and do not wait."""
        self._make_secrets(values, sets)
        self.succeeds("install", str(CHART), *_given(values, sets))

    def refused(self, values: Path, *sets: str) -> str:
        """Return what Helm says about an upgrade that does not succeed."""
        done = self.helm("upgrade", str(CHART), *self._options(values, sets))
        assert done.returncode != 0
        return done.stderr

    def passes_its_tests(self) -> None:
        """Run the pods of `helm test`."""
        self.succeeds("test", *PATIENCE)

    def succeeds(self, command: str, *arguments: str) -> None:
        """Run a command of Helm's that must succeed."""
        done = self.helm(command, *arguments)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{self.story()}"

    def objects(self) -> list[str]:
        """Return what is there of the release, as kind and name."""
        return [f"{kind}/{item['metadata']['name']}" for kind, item in self._items()]

    def one(self, kind: str, name: str) -> Object:
        """Return an object of the namespace; its kind is ``apps/v1/statefulsets`` or the like."""
        found: Object = self._api.call("GET", self._path(kind, name))
        return found

    def make(self, kind: str, made: Object) -> None:
        """Make an object of the namespace."""
        self._api.call("POST", self._path(kind), made)

    def has(self, kind: str, name: str) -> bool:
        """Whether an object of the namespace is there."""
        return self._api.find(self._path(kind, name)) is not None

    def change(self, kind: str, name: str, change: Object) -> None:
        """Change an object of the namespace, as somebody else than Helm does."""
        self._api.call("PATCH", self._path(kind, name), change, MERGE)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object of the namespace."""
        self._api.call("DELETE", self._path(kind, name))

    def jobs(self) -> dict[str, Object]:
        """Return the Jobs of the release by name."""
        found = self._api.items(self._path("batch/v1/jobs"))
        return {job["metadata"]["name"]: job for job in found}

    def orphan(self, statefulset: str) -> None:
        """Do as ``kubectl delete statefulset --cascade=orphan``."""
        path = self._path("apps/v1/statefulsets", statefulset)
        self._api.call("DELETE", path, {"propagationPolicy": "Orphan"})
        self.wait(lambda: self._api.find(path) is None)

    def pods(self) -> dict[str, str]:
        """Return the id of each pod that runs, by name."""
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.running()}

    def running(self, part: str = "") -> list[Object]:
        """Return the pods that run, all or those of a part."""
        selector = f"?labelSelector=app.kubernetes.io/component={part}" if part else ""
        found = self._api.items(self._path("v1/pods") + selector)
        return [pod for pod in found if pod["status"]["phase"] == "Running"]

    def says_of_a_pod(self, **security: bool) -> str:
        """Return what the cluster says to a pod that asks for this, or nothing if it takes the pod."""
        self.wait(lambda: self._api.find(self._path("v1/serviceaccounts", "default")) is not None)
        container = {"name": "any", "image": "any:1", "securityContext": security}
        pod = {"metadata": {"name": "any"}, "spec": {"containers": [container]}}
        try:
            self._api.call("POST", self._path("v1/pods"), pod)
        except HTTPError as error:
            return " ".join(error.__notes__)
        return ""

    def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, self.story()
            time.sleep(0.2)

    def story(self) -> str:
        """Return what the cluster says about what did not go well."""
        events = self._api.items(self._path("v1/events"))
        told = [f"{e['involvedObject']['name']}: {e['message']}" for e in events if e["type"] == "Warning"]
        return "\n".join(told[-20:])

    def remove(self) -> None:
        """Remove the namespace with all that is in it."""
        self._api.call("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def _path(self, kind: str, name: str = "") -> str:
        parts = kind.split("/")
        prefix = "/api/v1" if len(parts) == 2 else f"/apis/{parts[0]}/{parts[1]}"
        return f"{prefix}/namespaces/{self.namespace}/{parts[-1]}" + (name and f"/{name}")

    def _items(self) -> Iterator[tuple[str, Object]]:
        selector = f"labelSelector=app.kubernetes.io/instance={RELEASE}"
        for prefix, kinds in KINDS.items():
            for kind in kinds:
                path = f"{prefix}/namespaces/{self.namespace}/{kind}?{selector}"
                yield from ((kind, item) for item in self._api.items(path))

    def _options(self, values: Path, sets: tuple[str, ...]) -> list[str]:
        return [*_given(values, sets), "--wait", "--wait-for-jobs", *PATIENCE]

    def _make_secrets(self, values: Path, sets: tuple[str, ...]) -> None:
        """Make the Secrets that the operator makes: those that pods name and the chart does not."""
        rendered = self.helm("template", str(CHART), *_given(values, sets))
        assert rendered.returncode == 0, rendered.stderr
        manifests = tuple(m for m in yaml.safe_load_all(rendered.stdout) if m)
        own = {m["metadata"]["name"] for m in manifests if m["kind"] == "Secret"}
        wanted: dict[str, set[str]] = {}
        for _, _, spec in pods(manifests):
            for kind, name, key in needs(spec):
                if kind == "secrets" and name not in own:
                    wanted.setdefault(name, set()).add(key or "KAFKA_SASL_PASSWORD")
        for name, keys in wanted.items():
            path = self._path("v1/secrets")
            content = self._secrets.get(name) or dict.fromkeys(keys, "secret")
            data = {key: base64.b64encode(value.encode()).decode() for key, value in content.items()}
            if self._api.find(f"{path}/{name}") is None:
                self._api.call("POST", path, {"metadata": {"name": name}, "data": data})
            else:
                self._api.call("PATCH", f"{path}/{name}", {"data": data}, MERGE)


def _given(values: Path, sets: tuple[str, ...]) -> list[str]:
    return ["--values", str(values), *(part for text in sets for part in ("--set", text))]
