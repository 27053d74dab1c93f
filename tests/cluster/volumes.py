"""Volumes for claims, and the classes that claims may name."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.error import HTTPError

from tests.cluster.api import Api

CLASSES = ("standard", "fast")
NOWHERE = Path("/nowhere")


def make_classes(api: Api) -> None:
    """Make the classes; the first is the cluster's default."""
    for name in CLASSES:
        default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == CLASSES[0] else {}
        about = {"name": name, "annotations": default}
        made = {"metadata": about, "provisioner": "example.com/none", "allowVolumeExpansion": True}
        api.call("POST", "/apis/storage.k8s.io/v1/storageclasses", made)


def give_volumes(api: Api, place: Path = NOWHERE) -> None:
    """Give each claim that waits a volume; its folder lies in a place of this machine, if one is given."""
    for claim in api.items("/api/v1/persistentvolumeclaims"):
        about, spec = claim["metadata"], claim["spec"]
        if claim["status"].get("phase") != "Pending" or spec.get("storageClassName") not in CLASSES:
            continue
        folder = place / about["uid"]
        if place != NOWHERE:
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)  # a folder of the host gets no group of the pod's
        volume = {
            "metadata": {"name": f"volume-{about['uid']}"},
            "spec": {
                "capacity": spec["resources"]["requests"],
                "accessModes": spec["accessModes"],
                "storageClassName": spec["storageClassName"],
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    **{key: about[key] for key in ("namespace", "name", "uid")},
                },
                "hostPath": {"path": str(folder)},
            },
        }
        with suppress(HTTPError):  # made already, and not bound yet
            api.call("POST", "/api/v1/persistentvolumes", volume)
