"""Each values file in a cluster: installed, tested, upgraded to another, rolled back, removed."""

from __future__ import annotations

import pytest

from tests.cluster.api import Object
from tests.cluster.nodes import OUTCOME
from tests.cluster.release import PATIENCE, Release
from tests.deploy.chart import CASES, PREVIOUS, RELEASE

# One after another in one release. Files with volumes of another size or class would need a workload deleted.
UPGRADES = [
    ["external", "monitoring", "placement", "secured", "streamer-alone", "live-update", "external"],
    ["check-topics", "returns", "autoscaling", "grafana-external", "check-topics"],
]
STREAMER = f"{RELEASE}-retail-anomaly-streamer"
SETS = "apps/v1/statefulsets"


@pytest.mark.parametrize("case", CASES)
def test_a_release_is_installed_tested_and_removed(release: Release, case: str) -> None:
    release.install(CASES[case])
    release.passes_its_tests()
    release.succeeds("uninstall", "--wait")

    # Pods of tests are no part of a release: Helm removes them before the next test.
    release.wait(lambda: all(f"{RELEASE}-retail-anomaly-test" in name for name in release.objects()))


@pytest.mark.parametrize("chain", UPGRADES, ids=lambda chain: chain[0])
def test_a_release_is_upgraded_and_rolled_back(release: Release, chain: list[str]) -> None:
    for case in chain:
        release.install(CASES[case])
    before = _lasting(release)

    release.install(CASES[chain[1]])
    release.succeeds("rollback", "1", "--wait", *PATIENCE)

    release.wait(lambda: _lasting(release) == before)
    release.passes_its_tests()


def test_the_chart_of_before_is_upgraded_and_comes_back(release: Release) -> None:
    release.install(CASES["values-prod"], chart=PREVIOUS)
    before = _lasting(release)

    release.install(CASES["values-prod"])
    release.passes_its_tests()
    release.succeeds("rollback", "1", "--wait", *PATIENCE)

    release.wait(lambda: _lasting(release) == before)


def _lasting(release: Release) -> list[str]:
    """Return the objects of a release; a finished Job, its pod and the pods of tests come and go."""
    return [name for name in release.objects() if not name.startswith(("jobs/", "pods/"))]


def test_a_larger_volume_needs_the_documented_steps(release: Release) -> None:
    larger = "streamer.storage.size=90Gi"
    release.install(CASES["external"])
    pods = release.pods()

    refusal = release.refused(CASES["external"], larger)
    assert STREAMER in refusal
    assert "volumeClaimTemplates" in refusal or "updates to statefulset spec" in refusal
    requests = {"resources": {"requests": {"storage": "90Gi"}}}
    release.change("v1/persistentvolumeclaims", f"state-{STREAMER}-0", {"spec": requests})
    release.orphan(STREAMER)
    assert release.pods() == pods, "the processes went on"

    release.install(CASES["external"], larger)
    (claim,) = release.one(SETS, STREAMER)["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"] == requests["resources"]


def test_an_upgrade_keeps_the_processes_that_run_when_autoscaling_decides(release: Release) -> None:
    release.install(CASES["external"], "streamer.replicas=3")

    release.install(CASES["external"], "autoscaling.enabled=true")
    assert release.one(SETS, STREAMER)["spec"]["replicas"] == 3

    # As KEDA's autoscaler does.
    release.change(SETS, f"{STREAMER}/scale", {"spec": {"replicas": 4}})
    release.install(CASES["external"], "autoscaling.enabled=true", "logLevel=debug")
    assert release.one(SETS, STREAMER)["spec"]["replicas"] == 4


def test_only_an_upgrade_that_concerns_a_job_runs_it_again(release: Release) -> None:
    release.install(CASES["generator"])
    before = _ids(release)

    release.install(CASES["generator"], "streamer.resources.limits.memory=3Gi")
    assert _ids(release) == before

    release.install(CASES["generator"], "config.streamer.topics.partitions=24")
    after = _ids(release)
    assert {name for name in after if "-topics-" in name} != {name for name in before if "-topics-" in name}
    assert {name for name in after if "-generator-" in name} == {
        name for name in before if "-generator-" in name
    }


def _ids(release: Release) -> dict[str, str]:
    return {name: job["metadata"]["uid"] for name, job in release.jobs().items()}


def test_a_topic_that_differs_fails_its_job_at_once(release: Release) -> None:
    annotation = OUTCOME.replace(".", r"\.")
    release.apply(CASES["check-topics"], f"podAnnotations.{annotation}=failure")

    release.wait(lambda: any("Failed" in _conditions(job) for job in release.jobs().values()))
    (job,) = release.jobs().values()
    assert _conditions(job)["Failed"] == "PodFailurePolicy"
    assert job["status"]["failed"] == 1, "a second pod would find the same topic"


def _conditions(job: Object) -> dict[str, str]:
    return {c["type"]: c["reason"] for c in job.get("status", {}).get("conditions", [])}


def test_the_restricted_standard_is_in_force(release: Release) -> None:
    # Otherwise the tests above would prove nothing about privileges.
    assert r"violates PodSecurity \"restricted:latest\"" in release.says_of_a_pod(runAsNonRoot=True)
