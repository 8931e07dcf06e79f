"""Watched copies of tenants and their objects: what the operator reads instead of asking.

Copies are kept as compact JSON, which takes a fifth of the memory of the parsed objects, and
without the parts that nobody here reads. The answer to a write goes into the cache at once, so
that the next pass never sees a state from before it; an event that is older than what is known is
dropped by its resource version.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.kube.kinds import POD, SECRET, TENANT, Kind

Object = dict[str, Any]

_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
)
_CONDITION = ("type", "status", "reason", "message")
_REMEMBERED_DELETIONS = 4096


class Id(NamedTuple):
    """Which object."""

    kind: Kind
    namespace: str
    name: str


def identify(kind: Kind, body: Object) -> Id:
    """Return which object it is."""
    return Id(kind, body["metadata"]["namespace"], body["metadata"]["name"])


class _Copy(NamedTuple):
    version: int
    tenant: Key
    text: bytes


def has_label(body: Object) -> bool:
    """Tell whether an object has the label by which it is watched."""
    return names.TENANT_LABEL in (body["metadata"].get("labels") or {})


def slim(kind: Kind, body: Object) -> Object:
    """Return what is kept of an object."""
    metadata = {key: body["metadata"][key] for key in _METADATA if key in body["metadata"]}
    if "deletionTimestamp" in metadata:
        metadata["finalizers"] = body["metadata"].get("finalizers") or []
    if kind is TENANT:
        # Owners may write 256 KiB of others' annotations, which would be kept for each tenant.
        metadata.pop("labels", None)
        annotations = metadata.pop("annotations", None) or {}
        metadata["annotations"] = {
            key: value for key, value in annotations.items() if key.startswith(f"{names.GROUP}/")
        }
    kept = {key: value for key, value in body.items() if key not in ("apiVersion", "kind")}
    if kind is POD:
        del kept["spec"]
    status = kept.get("status")
    if kind is not TENANT and status and "conditions" in status:
        # Their heartbeats would make news of nothing.
        fields = (*_CONDITION, "lastTransitionTime") if kind is POD else _CONDITION
        conditions = [
            {key: condition[key] for key in fields if key in condition}
            for condition in status["conditions"]
        ]
        kept["status"] = status | {"conditions": conditions}
    return kept | {"metadata": metadata}


class Cache:
    """The copies, and what is looked up in them."""

    def __init__(self) -> None:
        self._copies: dict[Id, _Copy] = {}
        self._owned: defaultdict[Key, set[Id]] = defaultdict(set)
        self._gone: OrderedDict[Id, int] = OrderedDict()
        self._lost: dict[Key, Object] = {}

    def put(self, kind: Kind, body: Object) -> set[Key]:
        """Keep an object; return the tenants that it is news for."""
        metadata = body["metadata"]
        identity = identify(kind, body)
        version = int(metadata["resourceVersion"])
        known = self._copies.get(identity)
        if version <= max(known.version if known else 0, self._gone.get(identity, 0)):
            return set()
        if kind is not TENANT and not has_label(body):
            # An admission rule has taken it away: the watch does not see the object either.
            return self._forget(identity) if known else set()
        kept = slim(kind, body)
        # Its own version is not part of the comparison.
        kept["metadata"]["resourceVersion"] = ""
        text = json.dumps(kept, separators=(",", ":")).encode()
        tenant = _tenant_of(identity, metadata)
        self._copies[identity] = _Copy(version, tenant, text)
        news = set()
        if known and known.tenant != tenant:
            self._owned[known.tenant].discard(identity)
            news.add(known.tenant)
        if kind is not TENANT:
            self._owned[tenant].add(identity)
        if known is None or known.text != text:
            news.add(tenant)
        if kind is SECRET and identity.name == names.token_secret(tenant.name):
            self._lost.pop(tenant, None)
        return news

    def remove(self, kind: Kind, body: Object) -> set[Key]:
        """Forget a deleted object; return the tenants that it is news for."""
        metadata = body["metadata"]
        identity = identify(kind, body)
        version = int(metadata["resourceVersion"])
        known = self._copies.get(identity)
        if known is None or known.version > version:
            return set()
        self._gone[identity] = version
        if len(self._gone) > _REMEMBERED_DELETIONS:
            self._gone.popitem(last=False)
        return self._forget(identity)

    def forget(self, key: Key) -> set[Key]:
        """Forget a tenant that turned out to be gone; return the tenants that it is news for."""
        identity = Id(TENANT, *key)
        return self._forget(identity) if identity in self._copies else set()

    def retain(self, kind: Kind, namespace: str | None, listed: set[Id], version: int) -> set[Key]:
        """Forget what a complete list of that version does not have."""
        news = set()
        for identity, known in list(self._copies.items()):
            if (
                identity.kind is kind
                and namespace in (None, identity.namespace)
                and identity not in listed
                and known.version <= version
            ):
                news |= self._forget(identity)
        return news

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return an object, or None."""
        known = self._copies.get(Id(kind, namespace, name))
        return self._parse(known) if known else None

    def tenant(self, key: Key) -> Tenant | None:
        """Return a tenant, or None."""
        body = self.get(TENANT, *key)
        return Tenant.parse(body) if body else None

    def tenants(self) -> list[Key]:
        """Return which tenants there are."""
        return [known.tenant for identity, known in self._copies.items() if identity.kind is TENANT]

    def of_kind(self, kind: Kind) -> Iterator[tuple[Key, Object]]:
        """Yield all objects of a kind, each with the tenant that it belongs to."""
        for identity, known in self._copies.items():
            if identity.kind is kind:
                yield known.tenant, self._parse(known)

    def without_tenant(self, kind: Kind) -> list[Object]:
        """Return the objects of a kind whose tenant is not there."""
        return [
            self._parse(self._copies[identity])
            for key, identities in self._owned.items()
            if Id(TENANT, *key) not in self._copies
            for identity in identities
            if identity.kind is kind
        ]

    def children(self, key: Key) -> dict[tuple[Kind, str], Object]:
        """Return a tenant's objects without its pods."""
        return {
            (identity.kind, identity.name): self._parse(self._copies[identity])
            for identity in self._owned.get(key, ())
            if identity.kind is not POD
        }

    def pods(self, key: Key) -> list[Object]:
        """Return a tenant's pods, the oldest first."""
        pods = [
            self._parse(self._copies[identity])
            for identity in self._owned.get(key, ())
            if identity.kind is POD
        ]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def lost(self, key: Key) -> Object | None:
        """Return the token Secret that was deleted while its tenant is there."""
        return self._lost.get(key)

    def was_deleted(self, kind: Kind, namespace: str, name: str) -> bool:
        """Tell whether an object of that name was deleted while it was watched."""
        return Id(kind, namespace, name) in self._gone

    def _forget(self, identity: Id) -> set[Key]:
        known = self._copies.pop(identity)
        if identity.kind is TENANT:
            self._lost.pop(known.tenant, None)
            return {known.tenant}
        owned = self._owned[known.tenant]
        owned.discard(identity)
        if not owned:
            del self._owned[known.tenant]
        if identity.kind is SECRET and identity.name == names.token_secret(known.tenant.name):
            tenant = self.get(TENANT, *known.tenant)
            if tenant is not None and "deletionTimestamp" not in tenant["metadata"]:
                self._lost[known.tenant] = self._parse(known)
        return {known.tenant}

    @staticmethod
    def _parse(known: _Copy) -> Object:
        body: Object = json.loads(known.text)
        body["metadata"]["resourceVersion"] = str(known.version)
        return body


def _tenant_of(identity: Id, metadata: Object) -> Key:
    if identity.kind is TENANT:
        return Key(identity.namespace, identity.name)
    return Key(identity.namespace, metadata["labels"][names.TENANT_LABEL])
