"""What the volume provisioner does for which claim."""

from pathlib import Path
from typing import Any

import pytest

from tests.cluster import volumes
from tests.cluster.api import Object


def claim(**changes: Any) -> Object:
    """A claim whose pod has been scheduled; `changes` are to its spec."""
    return {
        "metadata": {
            "name": "data",
            "namespace": "contoso",
            "uid": "1234",
            "annotations": {volumes.SELECTED_NODE: "node"},
        },
        "spec": {
            "storageClassName": "standard",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **changes,
        },
        "status": {"phase": "Pending"},
    }


def volume(*, phase: str = "Released", policy: str = "Delete", by: str = "") -> Object:
    """A volume of the provisioner's, unless `by` says otherwise."""
    made = volumes.volume_for(claim(), Path("/volumes"))
    made["metadata"]["annotations"][volumes.PROVISIONED_BY] = by or volumes.PROVISIONER
    made["spec"]["persistentVolumeReclaimPolicy"] = policy
    return {**made, "status": {"phase": phase}}


def test_a_scheduled_claim_is_served() -> None:
    """The scheduler has said where the pod goes, so the volume can be made."""
    assert volumes.waits_for_volume(claim())


@pytest.mark.parametrize("changes", [{"storageClassName": "other"}, {"volumeName": "pvc-1234"}])
def test_claims_of_others_and_served_ones_are_left(changes: Object) -> None:
    """Another class is another provisioner's, and a claim has one volume."""
    assert not volumes.waits_for_volume(claim(**changes))


def test_an_unscheduled_claim_waits() -> None:
    """WaitForFirstConsumer: without a pod there is no volume."""
    waiting = claim()
    del waiting["metadata"]["annotations"]
    assert not volumes.waits_for_volume(waiting)


def test_the_volume_is_the_claims() -> None:
    """The volume names its claim by uid, so no other claim of the name can bind it."""
    made = volumes.volume_for(claim(), Path("/volumes"))
    assert made["metadata"]["name"] == "pvc-1234"
    assert made["spec"]["hostPath"]["path"] == "/volumes/pvc-1234"
    assert made["spec"]["capacity"] == {"storage": "1Gi"}
    assert made["spec"]["claimRef"]["uid"] == "1234"


@pytest.mark.parametrize(("asked", "grows"), [("2Gi", True), ("1Gi", False)])
def test_a_bound_claim_grows(asked: str, *, grows: bool) -> None:
    """A claim that asks for more than it has is given it."""
    bound = claim(resources={"requests": {"storage": asked}}, volumeName="pvc-1234")
    bound["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}
    assert volumes.wants_to_grow(bound) is grows


def test_a_released_volume_is_deleted() -> None:
    """With reclaim policy Delete the data goes with the claim."""
    assert volumes.is_released(volume())


@pytest.mark.parametrize("kept", [{"phase": "Bound"}, {"policy": "Retain"}, {"by": "somebody"}])
def test_other_volumes_are_kept(kept: dict[str, str]) -> None:
    """A volume in use, one to be retained and one of another provisioner are not touched."""
    assert not volumes.is_released(volume(**kept))
