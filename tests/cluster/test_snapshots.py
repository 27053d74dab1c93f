"""The steps of docs/upgrades.md with a snapshot of a volume; the storage is a stand-in that keeps nothing."""

from __future__ import annotations

import re

import yaml

from tests.cluster.release import Release
from tests.deploy.chart import CASES, RELEASE, ROOT

PAGE = (ROOT / "docs" / "upgrades.md").read_text(encoding="utf-8")
STREAMER = f"{RELEASE}-retail-anomaly-streamer"
SCALE = f"{STREAMER}/scale"
SETS, CLAIMS, SNAPSHOTS = (
    "apps/v1/statefulsets",
    "v1/persistentvolumeclaims",
    "snapshot.storage.k8s.io/v1/volumesnapshots",
)


def test_a_claim_is_made_again_from_a_snapshot(release: Release) -> None:
    snapshot, claim = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.+?)```", PAGE, re.DOTALL)]
    name = claim["metadata"]["name"]
    release.install(CASES["external"])
    before = release.one(CLAIMS, name)["metadata"]["uid"]

    release.change(SETS, SCALE, {"spec": {"replicas": 0}})
    release.wait(lambda: not release.running("streamer"))
    release.make(SNAPSHOTS, snapshot)
    release.delete(CLAIMS, name)
    release.wait(lambda: not release.has(CLAIMS, name))
    release.make(CLAIMS, claim)
    release.change(SETS, SCALE, {"spec": {"replicas": 1}})
    release.wait(lambda: bool(release.running("streamer")))

    found = release.one(CLAIMS, name)
    assert found["metadata"]["uid"] != before
    assert found["status"]["phase"] == "Bound"
    assert found["spec"]["dataSource"]["name"] == snapshot["metadata"]["name"]
    release.install(CASES["external"])
    assert release.one(CLAIMS, name)["metadata"]["uid"] == found["metadata"]["uid"]
