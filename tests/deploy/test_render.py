"""Every case of values through both Helms, and their output against Kubernetes' own schemas."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
from functools import lru_cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from tests.deploy.chart import (
    CASES,
    CHART,
    NAMESPACE,
    PREVIOUS,
    RELEASE,
    UNKNOWN_TO_PREVIOUS,
    Manifest,
    call,
    pick,
    render,
)
from tests.deploy.upgrade import refusals
from tests.support.waiting import PATIENCE_S

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


def test_each_flag_is_turned_on_and_off_by_a_case():
    def flags(node: Manifest, path: tuple[str, ...] = ()) -> set[tuple[tuple[str, ...], bool]]:
        return {
            flag
            for key, child in node.items()
            for flag in (
                flags(child, (*path, key))
                if isinstance(child, dict)
                else {((*path, key), child)}
                if isinstance(child, bool)
                else set()
            )
        }

    default = flags(yaml.safe_load((CHART / "values.yaml").read_text()))
    cases = set().union(*(flags(yaml.safe_load(path.read_text())) for path in CASES.values()))
    assert {(path, not on) for path, on in default} <= cases


def test_older_kubernetes_is_refused(either_helm):
    arguments = ["template", RELEASE, str(CHART), "--values", str(CASES["external"]), "--kube-version"]
    oldest = VERSIONS[0]
    assert call(either_helm, *arguments, f"{oldest}.0").returncode == 0
    done = call(either_helm, *arguments, "1.27.9")
    assert done.returncode != 0
    assert f">={oldest}.0" in done.stderr


def test_packaged_chart_is_the_folder(either_helm, helm, tmp_path):
    """The files that .helmignore leaves out are not missed."""
    done = call(either_helm, "package", str(CHART), "--destination", str(tmp_path))
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as tar:
        packed = {name.removeprefix(f"{CHART.name}/") for name in tar.getnames()}
    assert {"values.schema.json", "README.md"} <= packed
    assert not [name for name in packed if name.startswith(("ci/", "values-"))]
    assert render(either_helm, CASES["values-dev"], chart=package) == render(helm, CASES["values-dev"])


def test_next_version_changes_nothing_that_kubernetes_refuses_to(helm, tmp_path):
    """`helm upgrade` over the objects of the last version, with every value that may be another one."""
    chart = shutil.copytree(CHART, tmp_path / "chart")
    about = (chart / "Chart.yaml").read_text()
    (chart / "Chart.yaml").write_text(
        re.sub(r"^(version|appVersion): .*$", r"\1: 9.9.9", about, flags=re.MULTILINE)
    )
    sets = ("streamer.replicas=3", "kafka.resources.limits.memory=2Gi", "generator.days=2", "logLevel=debug")
    before = render(helm, CASES["values-dev"])
    after = render(helm, CASES["values-dev"], *sets, chart=chart)

    assert refusals(before, after) == []
    assert {m["kind"] for m in before} >= {"StatefulSet", "Deployment", "Job"}
    # Nothing of a Job can be changed: another one is made.
    assert not _jobs(before) & _jobs(after)


def _jobs(manifests: tuple[Manifest, ...]) -> set[str]:
    return {m["metadata"]["name"] for m in manifests if m["kind"] == "Job"}


@pytest.mark.parametrize("case", sorted(CASES.keys() - UNKNOWN_TO_PREVIOUS))
def test_an_upgrade_of_the_previous_chart_changes_nothing_that_kubernetes_refuses_to(helm, case):
    before = render(helm, CASES[case], chart=PREVIOUS)
    after = render(helm, CASES[case])
    assert refusals(before, after) == []
    # `helm rollback` goes the same way back.
    assert refusals(after, before) == []


def test_a_refusal_is_found(helm):
    before = render(helm, CASES["values-dev"])
    after = render(helm, CASES["values-dev"], "streamer.storage.size=90Gi")
    assert refusals(before, after) == [f"StatefulSet {RELEASE}-retail-anomaly-streamer: volumeClaimTemplates"]


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


def _referenced(definitions: Manifest, schemas: list[str]) -> Manifest:
    """Return the definitions that schemas refer to, directly or through others."""
    found: Manifest = {}
    texts = list(schemas)
    while texts:
        for name in set(re.findall(r"#/\$defs/([^\"]+)", texts.pop())) - found.keys():
            found[name] = definitions[name]
            texts.append(json.dumps(definitions[name]))
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubeconform_agrees(kubeconform, everything, version, tmp_path):
    """A second opinion, by another program, from the same schemas: nothing is fetched."""
    source = (
        Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    )
    kinds = {manifest["kind"].lower() for manifest in everything}
    schemas = {file.name: file.read_text() for kind in kinds for file in source.glob(f"{kind}-*.json")}
    for name, schema in schemas.items():
        # They name their definitions by a path on a server.
        here = schema.replace('"/api/_definitions.json', f'"{tmp_path.as_uri()}/_definitions.json')
        (tmp_path / name).write_text(here)
    # kubeconform reads all definitions for each kind, so it gets those that a kind needs.
    every = json.loads((source / "_definitions.json").read_text())["$defs"]
    needed = {"$defs": _referenced(every, list(schemas.values()))}
    (tmp_path / "_definitions.json").write_text(json.dumps(needed))
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
        timeout=PATIENCE_S,
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
