"""Keeps copies of the watched objects, so that a reconcile at rest sends no request.

Copies are compact JSON, which takes a fifth of the memory of parsed objects, without the parts
that the operator does not use. The answer to a write is stored at once, so the next reconcile
never uses a state from before the write; an event that is older than the copy is dropped by its
resource version.
"""

from __future__ import annotations

import json
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from scim_operator.api import names
from scim_operator.api.tenant import Key, Tenant
from scim_operator.kube.kinds import POD, SECRET, TENANT, Kind, Object

_METADATA_FIELDS = (
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
_CONDITION_FIELDS = ("type", "status", "reason", "message")
_MAX_DELETIONS = 4096


class Id(NamedTuple):
    """The identity of an object."""

    kind: Kind
    namespace: str
    name: str


def identify(kind: Kind, body: Object) -> Id:
    """Return the identity of an object."""
    return Id(kind, body["metadata"]["namespace"], body["metadata"]["name"])


class _Copy(NamedTuple):
    version: int
    tenant: Key
    text: bytes


def has_label(body: Object) -> bool:
    """Tell whether an object has the label that selects the watched objects."""
    return names.TENANT_LABEL in (body["metadata"].get("labels") or {})


def slim(kind: Kind, body: Object) -> Object:
    """Return the part of an object that the cache keeps."""
    metadata = {key: body["metadata"][key] for key in _METADATA_FIELDS if key in body["metadata"]}
    if "deletionTimestamp" in metadata:
        metadata["finalizers"] = body["metadata"].get("finalizers") or []
    if kind is TENANT:
        # A user may write 256 KiB of annotations into each tenant; only the operator's are kept.
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
        # Heartbeat timestamps must not count as changes.
        fields = (*_CONDITION_FIELDS, "lastTransitionTime") if kind is POD else _CONDITION_FIELDS
        conditions = [
            {key: condition[key] for key in fields if key in condition}
            for condition in status["conditions"]
        ]
        kept["status"] = status | {"conditions": conditions}
    return kept | {"metadata": metadata}


class Cache:
    """The copies, indexed by tenant.

    Methods that change the copies return the tenants for which something has changed.
    """

    def __init__(self) -> None:
        self._copies: dict[Id, _Copy] = {}
        self._owned: defaultdict[Key, set[Id]] = defaultdict(set)
        self._deleted: OrderedDict[Id, int] = OrderedDict()
        self._deleted_tokens: dict[Key, Object] = {}

    def put(self, kind: Kind, body: Object) -> set[Key]:
        """Store an object."""
        metadata = body["metadata"]
        identity = identify(kind, body)
        version = int(metadata["resourceVersion"])
        known = self._copies.get(identity)
        if version <= max(known.version if known else 0, self._deleted.get(identity, 0)):
            return set()
        if kind is not TENANT and not has_label(body):
            # An admission rule has removed the label, so the object is no longer watched.
            return self._remove(identity) if known else set()
        kept = slim(kind, body)
        # The version is not part of the comparison.
        kept["metadata"]["resourceVersion"] = ""
        text = json.dumps(kept, separators=(",", ":")).encode()
        tenant = _tenant_of(identity, metadata)
        self._copies[identity] = _Copy(version, tenant, text)
        changed = set()
        if known and known.tenant != tenant:
            self._owned[known.tenant].discard(identity)
            changed.add(known.tenant)
        if kind is not TENANT:
            self._owned[tenant].add(identity)
        if known is None or known.text != text:
            changed.add(tenant)
        if kind is SECRET and identity.name == names.token_secret(tenant.name):
            self._deleted_tokens.pop(tenant, None)
        return changed

    def remove(self, kind: Kind, body: Object) -> set[Key]:
        """Remove a deleted object."""
        metadata = body["metadata"]
        identity = identify(kind, body)
        version = int(metadata["resourceVersion"])
        known = self._copies.get(identity)
        if known is None or known.version > version:
            return set()
        self._deleted[identity] = version
        if len(self._deleted) > _MAX_DELETIONS:
            self._deleted.popitem(last=False)
        return self._remove(identity)

    def forget(self, key: Key) -> set[Key]:
        """Remove a tenant that does not exist any more."""
        identity = Id(TENANT, *key)
        return self._remove(identity) if identity in self._copies else set()

    def retain(self, kind: Kind, namespace: str | None, listed: set[Id], version: int) -> set[Key]:
        """Remove the copies that a complete list of that version does not contain."""
        changed = set()
        for identity, known in list(self._copies.items()):
            if (
                identity.kind is kind
                and namespace in (None, identity.namespace)
                and identity not in listed
                and known.version <= version
            ):
                changed |= self._remove(identity)
        return changed

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return an object; None if there is no copy."""
        known = self._copies.get(Id(kind, namespace, name))
        return self._parse(known) if known else None

    def tenant(self, key: Key) -> Tenant | None:
        """Return a tenant; None if there is no copy."""
        body = self.get(TENANT, *key)
        return Tenant.parse(body) if body else None

    def tenants(self) -> list[Key]:
        """Return the keys of all tenants."""
        return [known.tenant for identity, known in self._copies.items() if identity.kind is TENANT]

    def of_kind(self, kind: Kind) -> Iterator[tuple[Key, Object]]:
        """Yield all objects of a kind, each with the key of its tenant."""
        for identity, known in self._copies.items():
            if identity.kind is kind:
                yield known.tenant, self._parse(known)

    def without_tenant(self, kind: Kind) -> list[Object]:
        """Return the objects of a kind whose tenant does not exist."""
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

    def deleted_token(self, key: Key) -> Object | None:
        """Return the token Secret of an existing tenant that was deleted while it was watched."""
        return self._deleted_tokens.get(key)

    def was_deleted(self, kind: Kind, namespace: str, name: str) -> bool:
        """Tell whether a watched object of that name was deleted."""
        return Id(kind, namespace, name) in self._deleted

    def _remove(self, identity: Id) -> set[Key]:
        known = self._copies.pop(identity)
        if identity.kind is TENANT:
            self._deleted_tokens.pop(known.tenant, None)
            return {known.tenant}
        owned = self._owned[known.tenant]
        owned.discard(identity)
        if not owned:
            del self._owned[known.tenant]
        if identity.kind is SECRET and identity.name == names.token_secret(known.tenant.name):
            tenant = self.get(TENANT, *known.tenant)
            if tenant is not None and "deletionTimestamp" not in tenant["metadata"]:
                self._deleted_tokens[known.tenant] = self._parse(known)
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
