"""Reads, writes, lists and watches objects of the API server.

Most writes are server-side applies under one field manager: the API server itself separates the
fields that the operator has set from the fields that others have set.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import EVENT, Kind, Object
from scim_operator.kube.transport import Transport
from scim_operator.timestamps import format_timestamp

_APPLY = "application/apply-patch+yaml"
_JSON_PATCH = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_NO_VERSION = "1"
_PAGE = 200
"""Objects in a page of a list. While parsed, they take twenty times the memory of their copies."""
_MAX_MESSAGE = 1024
"""Characters of an event's message."""


class KubeClient(Transport):
    """A client of one API server; create it with `connect`.

    Every method raises `ApiError` if the answer is not a success, and `UNREACHABLE` if there is
    no answer.
    """

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        """Read an object; return None if it does not exist."""
        try:
            return await self.request("GET", kind.path(namespace, name))
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def apply(
        self, kind: Kind, desired: Object, *, force: bool, subresource: str = ""
    ) -> Object:
        """Apply an object; without force, a field that others have set otherwise causes a 409."""
        metadata = desired["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"])
        return await self.request(
            "PATCH",
            f"{path}/{subresource}" if subresource else path,
            body={"apiVersion": kind.api_version, "kind": kind.name} | desired,
            content_type=_APPLY,
            params={"fieldManager": names.MANAGER, "force": "true" if force else "false"},
        )

    async def apply_new(self, kind: Kind, desired: Object) -> Object:
        """Create an object by an apply; an existing object of that name causes a 409.

        Not by a POST: the API server would record the fields as set by a create, and a later
        apply without them would leave them. No existing object has the version in the body, and
        the API server ignores the version if the object does not exist.
        """
        metadata = desired["metadata"] | {"resourceVersion": _NO_VERSION}
        return await self.apply(kind, desired | {"metadata": metadata}, force=True)

    async def patch(self, kind: Kind, live: Object, operations: list[Object]) -> Object:
        """Change an object by a JSON patch; a patch that tests the version can cause a 409."""
        metadata = live["metadata"]
        return await self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            body=operations,
            content_type=_JSON_PATCH,
            params={"fieldManager": names.MANAGER},
        )

    async def merge(self, kind: Kind, live: Object, change: Object) -> Object:
        """Change fields of this exact object (by UID); another object of its name causes a 409."""
        metadata = live["metadata"]
        change_of_metadata = change.get("metadata", {}) | {"uid": metadata["uid"]}
        return await self.request(
            "PATCH",
            kind.path(metadata["namespace"], metadata["name"]),
            body=change | {"metadata": change_of_metadata},
            content_type=_MERGE,
            params={"fieldManager": names.MANAGER},
        )

    async def create(self, kind: Kind, desired: Object) -> Object:
        """Create an object by a POST; an existing object of that name causes a 409."""
        return await self.request(
            "POST",
            kind.path(desired["metadata"].get("namespace")),
            body=desired,
            params={"fieldManager": names.MANAGER},
        )

    async def update(self, kind: Kind, desired: Object) -> Object:
        """Replace an object; a 409 if it has changed since it was read."""
        metadata = desired["metadata"]
        return await self.request(
            "PUT", kind.path(metadata["namespace"], metadata["name"]), body=desired
        )

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete this exact object (by UID); succeed if it is already gone."""
        try:
            await self.request(
                "DELETE",
                kind.path(namespace, name),
                body={
                    "apiVersion": "v1",
                    "kind": "DeleteOptions",
                    "preconditions": {"uid": uid},
                    "propagationPolicy": "Background",
                },
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def post_event(
        self, key: Key, uid: str, reason: str, message: str, *, warning: bool
    ) -> None:
        """Create an Event of a tenant, which ``kubectl describe`` shows."""
        now = self.clock.now()
        event = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.name,
            "metadata": {
                "name": f"{key.name}.{uuid.uuid4().hex[:16]}",
                "namespace": key.namespace,
            },
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
            "type": "Warning" if warning else "Normal",
            "reason": reason,
            "message": message[:_MAX_MESSAGE],
            "source": {"component": names.MANAGER},
            "reportingComponent": names.MANAGER,
            "reportingInstance": self._settings.holder,
            "firstTimestamp": format_timestamp(now),
            "lastTimestamp": format_timestamp(now),
            "count": 1,
        }
        await self.create(EVENT, event)

    async def pages(
        self, kind: Kind, namespace: str | None, selector: str
    ) -> AsyncIterator[tuple[list[Object], str]]:
        """Yield the selected objects in pages, each with the version of the whole list.

        Raises
        ------
        ApiError
            With 410 if the API server no longer has that version: list again from the start.
        """
        params = {"limit": str(_PAGE), "labelSelector": selector}
        while True:
            page = await self.request("GET", kind.path(namespace), params=params)
            yield page["items"], page["metadata"]["resourceVersion"]
            if not page["metadata"].get("continue"):
                return
            params["continue"] = page["metadata"]["continue"]

    def watch(
        self, kind: Kind, namespace: str | None, selector: str, version: str
    ) -> AbstractAsyncContextManager[AsyncIterator[tuple[str, Object]]]:
        """Open the stream of changes after a version, as (type, object).

        Raises
        ------
        ApiError
            When it is opened, or with 410 from within if the version is too old: list again.
        TimeoutError
            Nothing arrived for ``watch_timeout``, not even a bookmark.
        """
        params = {
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": selector,
        }
        return self.stream(kind.path(namespace), params)
