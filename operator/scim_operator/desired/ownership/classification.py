"""Whose object has a name that a tenant needs. Pure.

A tenant's object may be replaced, deleted with the tenant, and trusted; anybody else's is left
alone. So an object is the tenant's only by what nobody but the operator can write: its seal, its
uid in the tenant's status, or, where whoever made it has thereby given it away, the tenant as its
controller. An administrator decides about the rest by consenting on both sides.
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
from scim_operator.desired.ownership.seals import SEALED, Seals
from scim_operator.kube import pod_owners
from scim_operator.kube.kinds import SECRET, Kind, Object

FOREIGN_OWNER = "ForeignOwner"
"""Reason of a condition: an object that is not the tenant's has the name of one of its own."""

Children = Mapping[tuple[Kind, str], Object]


class Ownership(Enum):
    """What an object is to a tenant; the value says by what."""

    SEALED = "its seal holds, or it needs none and the tenant controls it"
    ADOPTED = "the object and the tenant both ask for it by an annotation"
    RECORDED = "its uid is in status, but it does not carry the seal of its content"
    GRANDFATHERED = "it is in status, and nothing carries the present key's seal yet"
    LEFTOVER = "an earlier tenant of the same name controls it, and it is being removed"
    FOREIGN = "nothing says that it is the tenant's"

    @property
    def is_own(self) -> bool:
        """Whether the object is the tenant's."""
        return self not in (Ownership.LEFTOVER, Ownership.FOREIGN)


class Classified(NamedTuple):
    """A tenant's watched copies, by whose they are; those with other names are left out.

    Attributes
    ----------
    adopted
        Those of its own that are so only by people's consent, until the operator has written them.
    """

    own: dict[tuple[Kind, str], Object]
    foreign: dict[tuple[Kind, str], Object]
    adopted: frozenset[tuple[Kind, str]]


def classify(kind: Kind, live: Object, tenant: Tenant, seals: Seals) -> Ownership:
    """Tell what an object with one of a tenant's names is to the tenant."""
    metadata = live["metadata"]
    if (controller := pod_owners.find_controller(live)) and controller["uid"] != tenant.uid:
        return Ownership.LEFTOVER if _is_earlier(controller, tenant) else Ownership.FOREIGN
    # Of a Secret or a volume the tenant may be made the controller to have its content trusted.
    if seals.is_sealed(kind, tenant.key, live) if kind in SEALED else controller:
        return Ownership.SEALED
    status = tenant.status
    if status.objects.get(record_name(kind, metadata["name"])) == metadata["uid"]:
        return Ownership.RECORDED if status.sealed_by == seals.id else Ownership.GRANDFATHERED
    if not status.is_unseen and status.sealed_by is None and _is_of_old(kind, live, tenant):
        return Ownership.GRANDFATHERED
    annotations = metadata.get("annotations") or {}
    consent = tenant.annotations.get(names.ADOPT_ANNOTATION, "").split(",")
    if annotations.get(names.ADOPT_BY_ANNOTATION) == tenant.key.name and metadata["uid"] in consent:
        return Ownership.ADOPTED
    return Ownership.FOREIGN


def _is_of_old(kind: Kind, live: Object, tenant: Tenant) -> bool:
    """Tell whether it looks like an object of a version that sealed and recorded nothing."""
    labels = live["metadata"].get("labels") or {}
    return (
        kind in SEALED
        and labels.get(names.TENANT_LABEL) == tenant.key.name
        and live["metadata"]["name"] != names.access_secret(tenant.key.name)
    )


def _is_earlier(controller: Object, tenant: Tenant) -> bool:
    """Tell whether a controller is an earlier tenant of the same name."""
    is_of_name = (controller["kind"], controller["name"]) == (names.KIND, tenant.key.name)
    return is_of_name and bool(controller["uid"] != tenant.uid)


def classify_all(children: Children, tenant: Tenant, seals: Seals) -> Classified:
    """Sort what carries a tenant's label."""
    name = tenant.key.name
    known = {(kind, name_of(name)) for kind, name_of, _ in BUILDERS} | {
        (SECRET, name_of(name))
        for name_of in (names.token_secret, names.access_secret, names.digest_secret)
    }
    found = {
        identity: classify(identity[0], live, tenant, seals)
        for identity, live in children.items()
        if identity in known
    }
    return Classified(
        own={identity: children[identity] for identity, is_so in found.items() if is_so.is_own},
        foreign={
            identity: children[identity] for identity, is_so in found.items() if not is_so.is_own
        },
        adopted=frozenset(
            identity for identity, is_so in found.items() if is_so is Ownership.ADOPTED
        ),
    )


def record_name(kind: Kind, name: str) -> str:
    """Return the name of an object in the record in status."""
    return f"{kind.name}/{name}"


def record_uids(own: Children, tenant: Tenant) -> dict[str, str]:
    """Return the uids of a tenant's objects, for its status.

    One that is not seen now, as when its label was taken away, keeps its place.
    """
    seen = {record_name(kind, name): live["metadata"]["uid"] for (kind, name), live in own.items()}
    return dict(sorted({**tenant.status.objects, **seen}.items()))


def explain_foreign(kind: Kind, live: Object, tenant: Tenant) -> Fault:
    """Return the fault of a name that an object has which is not the tenant's."""
    metadata = live["metadata"]
    what = f"the {kind.name} {metadata['name']}"
    controller = pod_owners.find_controller(live)
    if controller and _is_earlier(controller, tenant):
        message = f"{what} of an earlier tenant of this name is still being removed"
        return Fault(kind, "Leftover", message, Outlook.PROGRESSING)
    if controller and controller["uid"] != tenant.uid:
        message = (
            f"{what} belongs to {controller['kind']} {controller['name']} and is left alone: "
            "remove it, or give the tenant another name"
        )
    else:
        message = (
            f"{what} was not made by the operator for this tenant and is left alone: remove it, "
            "or, if you know and trust what is in it, let the tenant have it by two annotations, "
            f"{names.ADOPT_BY_ANNOTATION}={tenant.key.name} on it and "
            f"{names.ADOPT_ANNOTATION}={metadata['uid']} on the ScimTenant"
        )
    return Fault(kind, FOREIGN_OWNER, message)
