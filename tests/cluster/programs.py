"""The programs and definitions of a cluster, made once for each version and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.deploy import tools
from tests.support.cached import once

SOURCE = Path(__file__).with_name("kubernetes")
# Outside the checkout: `make clean` would cost you eight to twelve minutes of CPU.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "retail-anomaly"
BUILD_PATIENCE_S = 3600
# Modules that hold definitions of custom resources, and the folder of those.
DEFINITIONS = {
    "github.com/kedacore/keda/v2@v2.17.2": "config/crd/bases",
    "github.com/prometheus-operator/prometheus-operator@v0.83.0": "example/prometheus-operator-crd",
    "github.com/kubernetes-csi/external-snapshotter/client/v8@v8.2.0": "config/crd",
}


class _Loader(yaml.CSafeLoader):
    """Takes a lone `=`, which the Prometheus operator's definitions have, as the text that it is."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda _loader, node: node.value)


def kubernetes_version() -> str:
    """Return the version that the module requires."""
    found = re.search(
        r"^(?:require|\t) ?k8s\.io/kubernetes (v\S+)$", (SOURCE / "go.mod").read_text(), re.MULTILINE
    )
    assert found, "go.mod requires no k8s.io/kubernetes"
    return found[1]


def control_plane() -> Path:
    """Return the path of apiserver, controller manager and scheduler in one program."""
    return _built("control-plane", ".")


def kubelet() -> Path:
    """Return the path of the kubelet: a minute of CPU once the control plane is built."""
    return _built("kubelet", "kubelet")


def _built(name: str, package: str) -> Path:
    version = kubernetes_version()
    content = b"".join((SOURCE / file).read_bytes() for file in ("go.mod", "go.sum", f"{package}/main.go"))
    return once(
        f"{name}-{version}-{hashlib.sha256(content).hexdigest()[:12]}",
        name,
        lambda folder: _build(folder / name, version, package),
        CACHE,
    )


def _build(program: Path, version: str, package: str) -> None:
    major, minor = version.removeprefix("v").split(".")[:2]
    # Without these the API server says that it is version 0.0.0, and Helm refuses the chart.
    facts = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    flags = ["-s", "-w", *(f"-X k8s.io/component-base/version.{key}={said}" for key, said in facts.items())]
    tools.run(
        [
            *(tools.go(), "build", "-C", str(SOURCE), "-trimpath", f"-ldflags={' '.join(flags)}"),
            *("-o", str(program), f"./{package}"),
        ],
        patience=BUILD_PATIENCE_S,
        CGO_ENABLED="0",
        GOFLAGS="",
    )


def etcd() -> Path:
    """Return the path of etcd."""
    return tools.installed("etcd", "etcd-server")


def definitions() -> Iterator[dict[str, Any]]:
    """Yield the custom resources of KEDA, of the Prometheus operator and of volumes' snapshots."""
    for module, folder in DEFINITIONS.items():
        found = json.loads(tools.run([tools.go(), "mod", "download", "-json", module], GOFLAGS=""))
        for path in sorted((Path(found["Dir"]) / folder).glob("*.yaml")):
            content = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a safe loader
            if content["kind"] == "CustomResourceDefinition":  # and no list of files
                yield content
