"""Writes one object so that it equals the desired one, whatever others have added to it."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.desired.drift import differences
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.ownership.seals import SEALED
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import DEPLOYMENT, Object

_ATTEMPTS = 3
"""Attempts at a write that holds for one version of an object."""


class ObjectWriter:
    """Combines applies and JSON patches.

    An apply leaves the fields that others have added. A JSON patch replaces whole parts of the
    object; it is called a restoration here.
    """

    def __init__(self, kube: KubeClient) -> None:
        self._kube = kube

    async def write(self, desired: DesiredObject, tenant: Tenant) -> Object | None:
        """Write an object and return it; None if an unwatched object has its name."""
        body = await self._write(desired)
        if body and _has_instance_label(body, tenant):
            change = {"metadata": {"labels": {names.INSTANCE_LABEL: None}}}
            body = await self._kube.merge(desired.kind, body, change)
        return body

    async def label(self, desired: DesiredObject, live: Object, tenant: Tenant) -> Object:
        """Restore the labels of an object, so that it is watched again."""
        labels = names.labels(tenant.key.name)
        if desired.kind in (*SEALED, DEPLOYMENT):
            # The plan depends on its content, and was made without it: change only the labels.
            return await self._kube.merge(desired.kind, live, {"metadata": {"labels": labels}})
        # With the desired content: an admission policy need not admit the rest of the object.
        labels = (live["metadata"].get("labels") or {}) | labels
        operation = {"op": "add", "path": "/metadata/labels", "value": labels}
        restoration = differences.build_restoration(desired.object, live)
        return await self._kube.patch(desired.kind, live, [*restoration, operation])

    async def _write(self, desired: DesiredObject) -> Object | None:
        live = desired.live
        if live is None:
            return await self._apply_or_restore(desired)
        body = live
        is_restored = any(difference.is_added for difference in desired.differences)
        if is_restored:
            # Before an apply: an admission policy need not admit an apply that leaves additions.
            body = await self._restore(desired, live)
        found = tuple(differences.find_differences(desired.object, body))
        if not is_restored or any(difference.in_metadata for difference in found):
            is_restored = False
            applied = await self._apply_or_restore(desired)
            if applied is None:
                return None
            body = applied
        is_current = differences.is_current(desired.object, body)
        if is_current or not differences.can_restore(desired.object):
            return body
        # An apply leaves what others have added since the object was read, and an admission rule
        # may depend on labels and annotations of others. After a restoration of the whole object,
        # every difference is the work of admission.
        if is_restored and not differences.has_more_metadata(desired.object, body):
            return body
        return await self._restore_newest(desired, body)

    async def _restore(
        self, desired: DesiredObject, live: Object, *, is_bare: bool = False
    ) -> Object:
        restoration = differences.build_restoration(desired.object, live, is_bare=is_bare)
        return await self._kube.patch(desired.kind, live, restoration)

    async def _restore_newest(self, desired: DesiredObject, body: Object) -> Object:
        """Restore an object whose status others may write at the same time."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._restore(desired, body, is_bare=True)
            except ApiError as error:
                if error.code != 409:
                    raise
            metadata = body["metadata"]
            newest = await self._kube.get(desired.kind, metadata["namespace"], metadata["name"])
            if newest is None or newest["metadata"]["uid"] != metadata["uid"]:
                break
            body = newest
        return await self._restore(desired, body, is_bare=True)

    async def _apply_or_restore(self, desired: DesiredObject) -> Object | None:
        """Apply an object, after a restoration if it cannot be merged into the existing one.

        Return None if an unwatched object has its name.
        """
        try:
            return await self._apply(desired)
        except ApiError as error:
            # A desired object that was written before is valid, but the merged one may not be: if
            # others change the number of a Service's port, an apply yields two ports of one name.
            stamp = applied_digest.read_digest(desired.live) if desired.live else None
            was_written = stamp in (None, applied_digest.read_digest(desired.object))
            if error.code != 422 or desired.live is None or not was_written:
                raise
        await self._restore(desired, desired.live)
        return await self._apply(desired)

    async def _apply(self, desired: DesiredObject) -> Object | None:
        if desired.live is not None:
            # By UID: another object may have replaced the one that was read.
            metadata = desired.object["metadata"] | {"uid": desired.live["metadata"]["uid"]}
            body = desired.object | {"metadata": metadata}
            return await self._kube.apply(desired.kind, body, force=True)
        try:
            return await self._kube.apply_new(desired.kind, desired.object)
        except ApiError as error:
            if error.code == 409:
                return None
            raise


def _has_instance_label(body: Object, tenant: Tenant) -> bool:
    """Tell whether the object has a label of an earlier version that an apply does not remove.

    An apply does not remove the label if a merge has written it, which happens when another client
    had removed the labels.
    """
    labels = body["metadata"].get("labels") or {}
    return bool(labels.get(names.INSTANCE_LABEL) == tenant.key.name)
