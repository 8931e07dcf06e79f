"""A volume provisioner for the node: a folder on its disk for each claim.

It does what a storage driver does in a real cluster, as far as tests can see it: a claim of the
default class is given a volume when its pod is scheduled, grows when it asks for more, and with
reclaim policy Delete the data goes when the claim goes.
"""

from __future__ import annotations

import shutil
import sys
import time
import traceback
from pathlib import Path

from .api import Api, Object
from .layout import API_URL

CLASS = "standard"
PROVISIONER = "scim-operator.io/folder"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
INTERVAL_S = 0.3

STORAGE_CLASS: Object = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {
        "name": CLASS,
        "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
    },
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    "allowVolumeExpansion": True,
    # As most real classes: code that waits for the claim before it makes the pod hangs here too.
    "volumeBindingMode": "WaitForFirstConsumer",
}


def waits_for_volume(claim: Object) -> bool:
    """Whether a claim is ours to serve, and its pod has been scheduled."""
    spec = claim["spec"]
    return (
        spec.get("storageClassName") == CLASS
        and not spec.get("volumeName")
        and SELECTED_NODE in claim["metadata"].get("annotations", {})
        and "deletionTimestamp" not in claim["metadata"]
    )


def volume_for(claim: Object, folder: Path) -> Object:
    """The PersistentVolume that serves a claim; it is named after the claim, so there is one."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "volumeMode": "Filesystem",
            "persistentVolumeReclaimPolicy": STORAGE_CLASS["reclaimPolicy"],
            "hostPath": {"path": str(folder / name), "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }


def wants_to_grow(claim: Object) -> bool:
    """Whether a bound claim asks for another size than it has; only growth is admitted."""
    asked = claim["spec"]["resources"]["requests"]["storage"]
    status = claim.get("status", {})
    ours: bool = claim["spec"].get("storageClassName") == CLASS
    return ours and status.get("phase") == "Bound" and bool(asked != status["capacity"]["storage"])


def is_released(volume: Object) -> bool:
    """Whether a volume is ours, and to be deleted with its data."""
    ours: bool = volume["metadata"].get("annotations", {}).get(PROVISIONED_BY) == PROVISIONER
    policy = volume["spec"]["persistentVolumeReclaimPolicy"]
    return ours and policy == "Delete" and bool(volume["status"].get("phase") == "Released")


class Provisioner:
    """Looks at all claims and volumes and does what is due.

    Parameters
    ----------
    api
        The API server.
    folder
        Where volumes are put.
    """

    def __init__(self, api: Api, folder: Path) -> None:
        self._api = api
        self._folder = folder

    def once(self) -> None:
        """Make, grow and delete volumes."""
        for claim in self._list("/api/v1/persistentvolumeclaims"):
            if waits_for_volume(claim):
                self._make(volume_for(claim, self._folder))
            elif wants_to_grow(claim):
                self._grow(claim)
        for volume in self._list("/api/v1/persistentvolumes"):
            if is_released(volume):
                self._delete(volume)

    def _list(self, path: str) -> list[Object]:
        # resourceVersion=0: from the API server's memory, without asking etcd each time.
        items: list[Object] = self._api.get(f"{path}?resourceVersion=0")["items"]
        return items

    def _make(self, volume: Object) -> None:
        place = Path(volume["spec"]["hostPath"]["path"])
        place.mkdir(exist_ok=True)
        # fsGroup is not applied to hostPath, and the pod's user is not known here.
        place.chmod(0o777)
        self._api.create("/api/v1/persistentvolumes", volume)

    def _grow(self, claim: Object) -> None:
        size = {"storage": claim["spec"]["resources"]["requests"]["storage"]}
        name = claim["spec"]["volumeName"]
        self._api.merge(f"/api/v1/persistentvolumes/{name}", {"spec": {"capacity": size}})
        where = f"/api/v1/namespaces/{claim['metadata']['namespace']}/persistentvolumeclaims"
        self._api.merge(
            f"{where}/{claim['metadata']['name']}/status",
            {"status": {"capacity": size, "conditions": []}},
        )

    def _delete(self, volume: Object) -> None:
        place = Path(volume["spec"]["hostPath"]["path"])
        if place.exists():
            shutil.rmtree(place)
        self._api.delete(f"/api/v1/persistentvolumes/{volume['metadata']['name']}")


def main() -> None:
    """Run until killed: `python -m tests.cluster.volumes PKI FOLDER`."""
    pki, folder = Path(sys.argv[1]), Path(sys.argv[2])
    # Others on the machine are kept out here, where the volumes themselves are open to any user.
    folder.mkdir(mode=0o700, exist_ok=True)
    provisioner = Provisioner(Api(API_URL, pki), folder)
    while True:
        try:
            provisioner.once()
        except Exception:
            # Whatever it was (the API server away, a claim gone meanwhile), the next round looks
            # at everything anew.
            traceback.print_exc()
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
