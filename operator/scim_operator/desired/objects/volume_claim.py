"""The PersistentVolumeClaim of a tenant that uses SQLite."""

from __future__ import annotations

from scim_operator import quantities
from scim_operator.api import names
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.objects.context import Builder, ObjectContext, build_head
from scim_operator.kube.kinds import VOLUME_CLAIM, Object


def build(context: ObjectContext) -> Object | None:
    """Build the claim.

    An existing claim, such as one kept from an earlier tenant of the same name, keeps its class and
    does not shrink: the API server would reject both changes.
    """
    sqlite = context.tenant.spec.database.sqlite
    if sqlite is None:
        return None
    named = sqlite.storage_class_name or context.settings.storage_class
    if context.claim is None:
        return _bind_to(_build(context, sqlite.size, named), context.rebind_volume)
    live = context.claim.get("spec", {})
    size = live.get("resources", {}).get("requests", {}).get("storage", sqlite.size)
    if (quantities.parse(sqlite.size) or 0) > (quantities.parse(size) or 0):
        size = sqlite.size
    if not named:
        # The existing class is the cluster's default: naming it would only write each claim again.
        unnamed = _build(context, size, "")
        if applied_digest.read_digest(context.claim) == applied_digest.compute_digest(unnamed):
            return unnamed
    annotations = context.claim["metadata"].get("annotations") or {}
    desired = _build(context, size, live.get("storageClassName"))
    return _bind_to(desired, annotations.get(names.REBIND_ANNOTATION))


def _bind_to(claim: Object, volume: str | None) -> Object:
    """Return a claim that names its volume; the annotation records that it must keep the name."""
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
        **build_head(VOLUME_CLAIM),
        "metadata": context.build_metadata(name, owned=not context.keeps_data),
        "spec": spec,
    }


BUILDER = Builder(VOLUME_CLAIM, names.volume_claim, build)
