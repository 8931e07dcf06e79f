"""Problems of a volume claim that has no volume."""

from __future__ import annotations

from scim_operator.api.conditions import Finding, Outlook
from scim_operator.kube.kinds import Object


def find_problem(claim: Object | None, storage_missing: str | None) -> Finding | None:
    """Return why the claim has no volume; None if it has one, or if no claim is desired.

    Parameters
    ----------
    storage_missing
        The problem of the claim's StorageClass, as the end of a sentence; None if none is known.
    """
    if claim is None or claim.get("status", {}).get("phase") == "Bound":
        return None
    name = claim["metadata"]["name"]
    if storage_missing:
        return Finding.stalled(
            "StorageClassMissing",
            f"the PersistentVolumeClaim {name} cannot be bound: {storage_missing}. Make that "
            "class available, or set deletionPolicy: Delete, delete the tenant and create it with "
            "another class, because the class of a claim cannot be changed",
        )
    return Finding(
        is_good=False,
        reason="VolumePending",
        message=f"the PersistentVolumeClaim {name} waits for its volume: if this persists, see "
        f"kubectl describe pvc -n {claim['metadata']['namespace']} {name}",
        outlook=Outlook.PROGRESSING,
    )
