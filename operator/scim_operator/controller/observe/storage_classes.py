"""Finds out why a volume claim stays unbound: its StorageClass may be missing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeGuard

from scim_operator.controller.observe.referenced_objects import References
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import STORAGE_CLASS, Object
from scim_operator.timestamps import parse_timestamp

BINDING_TIME = timedelta(seconds=5)
"""How long a volume claim may be pending before the operator checks its StorageClass."""


def is_binding(claim: Object | None, now: datetime) -> bool:
    """Tell whether a volume claim is pending, but not yet longer than usual."""
    return _is_pending(claim) and _age(claim, now) < BINDING_TIME


async def find_storage_problem(
    references: References, claim: Object | None, now: datetime
) -> str | None:
    """Return what is wrong with the StorageClass of a pending claim; None if nothing is known."""
    if not _is_pending(claim) or _age(claim, now) < BINDING_TIME:
        return None
    name = claim["spec"].get("storageClassName")
    if not name:
        return "no StorageClass is the cluster's default, and none is named"
    try:
        found = await references.get(STORAGE_CLASS, None, name)
    except ApiError:
        # Without the right to read StorageClasses the condition says less.
        return None
    return None if found else f"there is no StorageClass {name}"


def _is_pending(claim: Object | None) -> TypeGuard[Object]:
    return claim is not None and claim.get("status", {}).get("phase") == "Pending"


def _age(claim: Object, now: datetime) -> timedelta:
    return now - parse_timestamp(claim["metadata"]["creationTimestamp"])
