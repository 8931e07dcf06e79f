"""Classifies the objects at a tenant's names: which are the tenant's own, and by what.

The operator replaces, deletes and trusts a tenant's own objects, and leaves all others alone. So
only what no client but the operator can write makes an object the tenant's: its seal, or its uid in
the tenant's status. For an object that needs no seal, the tenant as its controller is enough: the
client that created it has thereby given it away. An administrator can adopt any other object by an
annotation on both objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from scim_operator.api import names
from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Tenant
from scim_operator.desired.faults import Fault
from scim_operator.desired.objects.builders import BUILDERS
from scim_operator.desired.objects.secrets import identify_access, identify_digests, identify_token
from scim_operator.desired.ownership.seals import SEALED, Seals
from scim_operator.kube import pod_owners
from scim_operator.kube.kinds import Identity, Kind, Object

FOREIGN_OWNER = "ForeignOwner"
"""Reason of a condition: the object at one of the tenant's names is not the tenant's."""

Children = Mapping[Identity, Object]


class Ownership(Enum):
    """The relation of an object to a tenant; the value says what proves it."""

    SEALED = "its seal is valid, or it needs none and the tenant controls it"
    ADOPTED = "the object and the tenant both ask for it by an annotation"
    RECORDED = "its uid is in status, but it does not carry the seal of its content"
    GRANDFATHERED = "it is in status, and nothing carries the present key's seal yet"
    LEFTOVER = "an earlier tenant of the same name controls it, and it is being removed"
    FOREIGN = "nothing proves that it is the tenant's"

    @property
    def is_own(self) -> bool:
        """Whether the object is the tenant's."""
        return self not in (Ownership.LEFTOVER, Ownership.FOREIGN)


class Classified(NamedTuple):
    """The objects at a tenant's names, by ownership.

    Attributes
    ----------
    adopted
        Those of its own that people have adopted, until the operator has written them.
    """

    own: dict[Identity, Object]
    foreign: dict[Identity, Object]
    adopted: frozenset[Identity]


def classify(kind: Kind, live: Object, tenant: Tenant, seals: Seals) -> Ownership:
    """Classify an object at one of a tenant's names."""
    metadata = live["metadata"]
    if (controller := pod_owners.find_controller(live)) and controller["uid"] != tenant.uid:
        return Ownership.LEFTOVER if _is_earlier(controller, tenant) else Ownership.FOREIGN
    # Anyone may name the tenant as the controller of a Secret or claim to have it trusted.
    if seals.is_sealed(kind, tenant.key, live) if kind in SEALED else controller:
        return Ownership.SEALED
    status = tenant.status
    if status.objects.get(record_name(kind, metadata["name"])) == metadata["uid"]:
        return Ownership.RECORDED if status.sealed_by == seals.id else Ownership.GRANDFATHERED
    if (
        not status.is_unseen
        and status.sealed_by is None
        and _is_from_before_seals(kind, live, tenant)
    ):
        return Ownership.GRANDFATHERED
    annotations = metadata.get("annotations") or {}
    consent = tenant.annotations.get(names.ADOPT_ANNOTATION, "").split(",")
    if annotations.get(names.ADOPT_BY_ANNOTATION) == tenant.key.name and metadata["uid"] in consent:
        return Ownership.ADOPTED
    return Ownership.FOREIGN


def _is_from_before_seals(kind: Kind, live: Object, tenant: Tenant) -> bool:
    """Tell whether an object looks like one of a version that sealed and recorded nothing."""
    labels = live["metadata"].get("labels") or {}
    return (
        kind in SEALED
        and labels.get(names.TENANT_LABEL) == tenant.key.name
        and live["metadata"]["name"] != names.access_secret(tenant.key.name)
    )


def _is_earlier(controller: Object, tenant: Tenant) -> bool:
    """Tell whether a controller is an earlier tenant of the same name."""
    has_name = (controller["kind"], controller["name"]) == (names.KIND, tenant.key.name)
    return has_name and bool(controller["uid"] != tenant.uid)


def classify_all(children: Children, tenant: Tenant, seals: Seals) -> Classified:
    """Classify all objects with a tenant's label; objects at other names are left out."""
    name = tenant.key.name
    secrets = (identify_token(name), identify_access(name), identify_digests(name))
    known = {*secrets, *(builder.identify(name) for builder in BUILDERS)}
    own: dict[Identity, Object] = {}
    foreign: dict[Identity, Object] = {}
    adopted = set()
    for identity, live in children.items():
        if identity not in known:
            continue
        ownership = classify(identity[0], live, tenant, seals)
        (own if ownership.is_own else foreign)[identity] = live
        if ownership is Ownership.ADOPTED:
            adopted.add(identity)
    return Classified(own, foreign, frozenset(adopted))


def record_name(kind: Kind, name: str) -> str:
    """Return the key of an object in the status of its tenant."""
    return f"{kind.name}/{name}"


def record_uids(own: Children, tenant: Tenant) -> dict[str, str]:
    """Return the uids of a tenant's objects, for its status.

    An object that is not watched now, because its label was removed, stays in it.
    """
    seen = {record_name(kind, name): live["metadata"]["uid"] for (kind, name), live in own.items()}
    return dict(sorted({**tenant.status.objects, **seen}.items()))


def explain_foreign(kind: Kind, live: Object, tenant: Tenant) -> Fault:
    """Return the fault of a name at which an object is not the tenant's."""
    metadata = live["metadata"]
    what = f"the {kind.name} {metadata['name']}"
    controller = pod_owners.find_controller(live)
    if controller and _is_earlier(controller, tenant):
        message = f"{what} of an earlier tenant of this name is still being deleted"
        return Fault(kind, "Leftover", message, Outlook.PROGRESSING)
    if controller and controller["uid"] != tenant.uid:
        message = (
            f"{what} belongs to {controller['kind']} {controller['name']} and is left alone: "
            "remove it, or give the tenant another name"
        )
    else:
        message = (
            f"{what} was not created by the operator for this tenant and is left alone: remove it, "
            "or, if you know and trust its content, give it to the tenant by two annotations, "
            f"{names.ADOPT_BY_ANNOTATION}={tenant.key.name} on it and "
            f"{names.ADOPT_ANNOTATION}={metadata['uid']} on the ScimTenant"
        )
    return Fault(kind, FOREIGN_OWNER, message)
