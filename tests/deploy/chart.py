"""The chart, rendered by a real Helm."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.waiting import PATIENCE_S

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "retail-anomaly"
CASES = {path.stem: path for path in sorted([*(CHART / "ci").glob("*.yaml"), *CHART.glob("values-*.yaml")])}
# The chart as it was before its newest parts, packaged by `helm package`. Replace it at each release.
PREVIOUS = Path(__file__).with_name("retail-anomaly-previous.tgz")
# Cases whose values that chart does not know.
UNKNOWN_TO_PREVIOUS = frozenset({"board"})
RELEASE, NAMESPACE = "shops", "loss-prevention"

Manifest = dict[str, Any]


def call(helm: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Helm, away from the user's own configuration."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(helm.parent)}
    return subprocess.run(
        [str(helm), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment,
    )


@lru_cache
def render(
    helm: Path, values: Path | None, *sets: str, release: str = RELEASE, chart: Path = CHART
) -> tuple[Manifest, ...]:
    """Return the objects of `helm template` for some values, sorted by kind and name."""
    arguments = ["template", release, str(chart), "--namespace", NAMESPACE]
    arguments += ["--values", str(values)] if values else []
    done = call(helm, *arguments, *(part for text in sets for part in ("--set", text)))
    assert done.returncode == 0, done.stderr
    found = [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]
    return tuple(sorted(found, key=lambda m: (m["kind"], m["metadata"]["name"])))


def pick(manifests: tuple[Manifest, ...], kind: str, end: str = "") -> Manifest:
    """Return the object of a kind and a part; a Job's name ends with a hash."""
    (found,) = (
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and _stem(manifest) == f"{RELEASE}-retail-anomaly{end and '-' + end}"
    )
    return found


def _stem(manifest: Manifest) -> str:
    name: str = manifest["metadata"]["name"]
    return name.rsplit("-", 1)[0] if manifest["kind"] == "Job" else name


def pods(manifests: tuple[Manifest, ...]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """Yield name, metadata and spec of each pod that would run."""
    for manifest in manifests:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield name, manifest["metadata"], manifest["spec"]
        elif "template" in manifest.get("spec", {}):
            template = manifest["spec"]["template"]
            yield name, template["metadata"], template["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    """Return a pod's containers, those of its start included."""
    return [*spec.get("initContainers", []), *spec["containers"]]


def selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Tell whether a selector has the labels of a pod."""
    named = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return named and all(
        labels.get(rule["key"]) in rule["values"] and rule["operator"] == "In"
        for rule in selector.get("matchExpressions", [])
    )


def part_of(labels: dict[str, str]) -> str:
    """Return the part of the application that labels name."""
    return labels["app.kubernetes.io/component"]
