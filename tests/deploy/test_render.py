"""Every case of values through both Helms, and what comes out against Kubernetes' own schemas."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from tests.deploy.chart import CASES, CHART, NAMESPACE, RELEASE, Manifest, call, pick, render

CRDS = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "crds").glob("*.json")}
# The oldest and the newest that the chart claims, and one between.
VERSIONS = ("1.28", "1.33", "1.37")


@pytest.mark.parametrize("case", CASES)
def test_lint(either_helm, case):
    done = call(either_helm, "lint", "--strict", str(CHART), "--values", str(CASES[case]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


def test_both_helms_render_the_same(either_helm, helm):
    for values in CASES.values():
        assert render(either_helm, values) == render(helm, values), values


@pytest.fixture(scope="session")
def everything(helm) -> list[Manifest]:
    """Give each distinct object of all cases once."""
    found = {json.dumps(m, sort_keys=True): m for values in CASES.values() for m in render(helm, values)}
    return list(found.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_objects_fit_kubernetes(everything, version, monkeypatch):
    # Each call would read and parse megabytes of definitions anew.
    monkeypatch.setattr(utils, "schema_contents", lru_cache(utils.schema_contents))
    kinds = set()
    for manifest in everything:
        if manifest["kind"] not in CRDS:
            kinds.add(manifest["kind"])
            # An older version would be used silently if this one were not there.
            assert kubernetes_validate.validate(manifest, version, strict=True) == version
    assert {"StatefulSet", "Deployment", "Job", "NetworkPolicy", "PodDisruptionBudget"} <= kinds


def test_validation_finds_an_unknown_field(helm):
    streamer = json.loads(json.dumps(pick(render(helm, CASES["external"]), "StatefulSet", "streamer")))
    streamer["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readynessProbe"):
        kubernetes_validate.validate(streamer, VERSIONS[-1], strict=True)


def test_custom_resources_fit_their_schemas(everything):
    found = [manifest for manifest in everything if manifest["kind"] in CRDS]
    assert {manifest["kind"] for manifest in found} == set(CRDS)
    for manifest in found:
        jsonschema.Draft7Validator(CRDS[manifest["kind"]]).validate(manifest)


@pytest.mark.parametrize("version", VERSIONS)
def test_kubeconform_agrees(kubeconform, everything, version, tmp_path):
    """A second opinion, by another program, from the same schemas: nothing is fetched."""
    source = (
        Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    )
    kinds = {manifest["kind"].lower() for manifest in everything}
    for schema in [
        source / "_definitions.json",
        *(f for kind in kinds for f in source.glob(f"{kind}-*.json")),
    ]:
        # They name their definitions by a path on a server.
        here = schema.read_text().replace(
            '"/api/_definitions.json', f'"{tmp_path.as_uri()}/_definitions.json'
        )
        (tmp_path / schema.name).write_text(here)
    for kind, content in CRDS.items():
        (tmp_path / f"{kind.lower()}-crd.json").write_text(json.dumps(content))
    done = subprocess.run(
        [
            *(str(kubeconform), "-strict", "-output", "json", "-summary"),
            *("-schema-location", f"{tmp_path}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"),
            *("-schema-location", f"{tmp_path}/{{{{.ResourceKind}}}}-crd.json"),
        ],
        input=yaml.safe_dump_all(everything),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 0, report.get("resources")
    assert report["summary"] == {"valid": len(everything), "invalid": 0, "errors": 0, "skipped": 0}


def test_notes_say_what_comes_next(either_helm, tmp_path):
    """Helm shows NOTES only with a cluster at hand; as one more template they are rendered without."""
    chart = shutil.copytree(CHART, tmp_path / "chart")
    lines = (chart / "templates" / "NOTES.txt").read_text().splitlines()
    head = "kind: Notes\nmetadata: {name: notes}\ntext: |\n  #"
    (chart / "templates" / "notes.yaml").write_text("\n  ".join([head, *lines]))
    for case in ("values-dev", "values-prod", "autoscaling", "streamer-alone"):
        arguments = ["template", RELEASE, str(chart), "--namespace", NAMESPACE, "--values", str(CASES[case])]
        done = call(either_helm, *arguments, "--show-only", "templates/notes.yaml")
        assert done.returncode == 0, done.stderr
        notes = yaml.safe_load(done.stdout)["text"]
        assert "helm -n loss-prevention test shops" in notes
        if case == "values-dev":
            assert (
                "1 streamer(s) over 3 partitions of shops-retail-anomaly-kafka.loss-prevention.svc:9092"
                in notes
            )
            assert "create secret generic retail-anomaly --from-env-file=.env" in notes
            assert "svc/shops-retail-anomaly-grafana 3000" in notes
        else:
            assert "create secret" not in notes
