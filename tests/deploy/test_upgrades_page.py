"""The figures and manifests of docs/upgrades.md are the chart's."""

from __future__ import annotations

import re
from collections.abc import Iterator

import kubernetes_validate
import pytest
import yaml

from tests.deploy.chart import CASES, ROOT, Manifest, containers, part_of, pods, render

PAGE = (ROOT / "docs" / "upgrades.md").read_text(encoding="utf-8")
STREAMER = "shops-retail-anomaly-streamer"


@pytest.fixture
def manifests(helm) -> tuple[Manifest, ...]:
    return render(helm, CASES["external"])


def _room(manifests: tuple[Manifest, ...], kind: str) -> Iterator[tuple[str, str]]:
    """Yield the requests of each pod of a kind; containers that start after each other want the same."""
    for name, _, spec in pods(manifests):
        if name.startswith(f"{kind}/"):
            (asked,) = {tuple(sorted(c["resources"]["requests"].items())) for c in containers(spec)}
            yield dict(asked)["cpu"], dict(asked)["memory"]


@pytest.mark.parametrize(
    ("row", "kind"), [("sink", "Deployment"), ("the topics' Job", "Job"), ("`helm test`", "Pod")]
)
def test_room_is_what_the_pods_ask_for(manifests, row, kind):
    (said,) = re.findall(rf"^\| {re.escape(row)}[^|]*\| (\w+) \| (\w+) \|$", PAGE, re.MULTILINE)
    assert set(_room(manifests, kind)) == {said}


def test_the_first_row_names_each_part_that_ends_before_its_replacement_starts(helm):
    (said,) = re.findall(r"^\| (.+): each process ends before", PAGE, re.MULTILINE)
    found = {
        part_of(manifest["metadata"]["labels"])
        for case in CASES.values()
        for manifest in render(helm, case)
        if manifest["kind"] == "StatefulSet"
        and [c["metadata"]["name"] for c in manifest["spec"]["volumeClaimTemplates"]] == ["state"]
    }
    assert set(said.replace("store metrics", "store-metrics").split(", ")) == found


def test_the_snapshot_is_of_the_claim_of_the_streamer_and_gives_it_back(manifests):
    snapshot, claim = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)]
    (streamer,) = [m for m in manifests if m["kind"] == "StatefulSet" and m["metadata"]["name"] == STREAMER]
    (template,) = streamer["spec"]["volumeClaimTemplates"]

    name = f"{template['metadata']['name']}-{STREAMER}-0"
    assert snapshot["spec"]["source"]["persistentVolumeClaimName"] == claim["metadata"]["name"] == name
    assert claim["spec"]["dataSource"]["name"] == snapshot["metadata"]["name"]
    assert claim["spec"]["resources"] == template["spec"]["resources"]
    assert claim["spec"]["accessModes"] == template["spec"]["accessModes"]
    kubernetes_validate.validate(claim, "1.37", strict=True)
