"""The PersistentVolumeClaim of a tenant on SQLite."""

from __future__ import annotations

from scim_operator import quantities
from scim_operator.api import names
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.objects.context import ObjectContext, head
from scim_operator.kube.kinds import VOLUME_CLAIM, Object


def build(context: ObjectContext) -> Object | None:
    """Build the claim.

    A claim that is there already, such as one kept from an earlier tenant of the same name, keeps
    its class and is never asked to shrink: the API server would refuse both.
    """
    sqlite = context.tenant.spec.database.sqlite
    if sqlite is None:
        return None
    named = sqlite.storage_class_name or context.settings.storage_class
    if context.claim is None:
        return _rebinding(_build(context, sqlite.size, named), context.rebinds)
    live = context.claim.get("spec", {})
    size = live.get("resources", {}).get("requests", {}).get("storage", sqlite.size)
    if (quantities.parse(sqlite.size) or 0) > (quantities.parse(size) or 0):
        size = sqlite.size
    if not named:
        # The class in it is the cluster's default: to name it too would be a write more for each.
        unnamed = _build(context, size, "")
        if applied_digest.read_digest(context.claim) == applied_digest.compute_digest(unnamed):
            return unnamed
    annotations = context.claim["metadata"].get("annotations") or {}
    wanted = _build(context, size, live.get("storageClassName"))
    return _rebinding(wanted, annotations.get(names.REBIND_ANNOTATION))


def _rebinding(claim: Object, volume: str | None) -> Object:
    """Return a claim for one volume; the annotation tells that it names it, and must go on to."""
    if volume is None:
        return claim
    annotated = claim["metadata"] | {"annotations": {names.REBIND_ANNOTATION: volume}}
    return claim | {"metadata": annotated, "spec": claim["spec"] | {"volumeName": volume}}


def _build(context: ObjectContext, size: str, storage_class: str | None) -> Object:
    spec: Object = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if storage_class:
        spec["storageClassName"] = storage_class
    name = names.volume_claim(context.tenant.key.name)
    return {
        **head(VOLUME_CLAIM),
        "metadata": context.metadata(name, owned=not context.keeps_data),
        "spec": spec,
    }
