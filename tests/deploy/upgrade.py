"""What Kubernetes refuses to change in an object that exists."""

from __future__ import annotations

from collections.abc import Iterator

from tests.deploy.chart import Manifest

# All else in the spec of these kinds is fixed once they are made.
CHANGEABLE = {
    "StatefulSet": {
        *("replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit"),
        *("persistentVolumeClaimRetentionPolicy", "minReadySeconds"),
    },
    "Job": {"parallelism", "completions", "activeDeadlineSeconds", "ttlSecondsAfterFinished", "suspend"},
}
FIXED = {"Deployment": {"selector"}, "Service": {"clusterIP"}}


def refusals(before: tuple[Manifest, ...], after: tuple[Manifest, ...]) -> list[str]:
    """Return the fields that `helm upgrade` would want to change and Kubernetes would not.

    An object that only one side has is made or removed, and may differ in anything.
    """
    old, new = ({(m["kind"], m["metadata"]["name"]): m for m in found} for found in (before, after))
    return sorted(
        f"{kind} {name}: {field}"
        for kind, name in old.keys() & new.keys()
        for field in _changed(kind, old[kind, name], new[kind, name])
    )


def _changed(kind: str, old: Manifest, new: Manifest) -> Iterator[str]:
    if kind == "RoleBinding" and old["roleRef"] != new["roleRef"]:
        yield "roleRef"
    was, is_now = old.get("spec", {}), new.get("spec", {})
    fields = was.keys() | is_now.keys()
    fixed = fields - CHANGEABLE[kind] if kind in CHANGEABLE else FIXED.get(kind, set())
    for field in sorted(fixed):
        if was.get(field) != is_now.get(field):
            yield field
