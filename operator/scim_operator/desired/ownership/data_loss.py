"""Whether a tenant still has the volume and the tokens that it had. Pure.

A claim that is deleted would be made again with an empty volume, and a token with another value:
the tenant would serve nobody's users to Entra, or refuse it, and look well. So what had data is
recorded in status, and while it is not there nothing is made in its place and no pod is started,
unless a person says so by an annotation that names what is given up.

A tenant without a record may be one that a backup brings back before its Secrets and its volume.
The annotation `names.SERVED_ANNOTATION` tells, which a backup keeps where it leaves status out; and
so does what an earlier tenant has left, which is older than the tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from scim_operator.api import names
from scim_operator.api.conditions import TOKEN_READY
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import VolumeStatus
from scim_operator.desired.faults import Fault
from scim_operator.desired.ownership import classification
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Kind, Object
from scim_operator.timestamps import parse_timestamp

_GUIDE = "docs/backup.md"

TOKEN_LOST = "TokenLost"  # noqa: S105 (the reason of a condition)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What there is of a tenant's.

    Attributes
    ----------
    own, foreign
        The objects with its names, by whose they are.
    adopted
        Those of its own that are so only by people's consent.
    has_token
        Whether its token is known, from the Secret or from what the operator saw of a deleted one.
    """

    own: Mapping[tuple[Kind, str], Object]
    foreign: Collection[tuple[Kind, str]]
    adopted: Collection[tuple[Kind, str]]
    has_token: bool


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What a tenant must not do in this pass.

    Attributes
    ----------
    volume
        What to say of its volume.
    tokens
        What to say of its tokens; while it is there, none is issued.
    leaves_claim
        Whether no claim is made, and one that is there stays as it is.
    rebind_volume
        The volume that the claim to make is for; None if it may be any.
    keeps_pods
        Whether the pods stay as they are.
    halts
        Whether no pod may run: one would start on another volume.
    record
        The volume that has its data, for its status.
    """

    volume: Fault | None = None
    tokens: Fault | None = None
    leaves_claim: bool = False
    rebind_volume: str | None = None
    keeps_pods: bool = False
    halts: bool = False
    record: VolumeStatus | None = None


def find_safeguards(tenant: Tenant, held: Holdings) -> Safeguards:
    """Compare what there is of a tenant's with what it had."""
    if missing := _missing(tenant, held):
        # Not a part of it either: with a token or a volume of its own the tenant would have begun.
        tokens = replace(missing, kind=SECRET)
        return Safeguards(volume=missing, tokens=tokens, leaves_claim=True, keeps_pods=True)
    has_volume = tenant.spec.database.sqlite is not None
    verdict = _judge_volume(tenant, held) if has_volume else Safeguards()
    if lost := _lost_tokens(tenant, held):
        return replace(verdict, tokens=lost, keeps_pods=True)
    return verdict


def find_recorded_volume(tenant: Tenant) -> VolumeStatus | None:
    """Return the volume that had the tenant's data.

    A version that kept no record has written which claim was the tenant's, and its service has
    told of users.
    """
    status = tenant.status
    if status.volume or status.users is None:
        return status.volume
    name = classification.record_name(VOLUME_CLAIM, names.volume_claim(tenant.key.name))
    uid = status.objects.get(name)
    return VolumeStatus(name="", claim=uid) if uid else None


def list_given_up(tenant: Tenant) -> frozenset[str]:
    """Return what people have said may be begun anew."""
    return _listed(tenant, names.BEGIN_ANEW_ANNOTATION)


def _listed(tenant: Tenant, annotation: str) -> frozenset[str]:
    return frozenset(part.strip() for part in tenant.annotations.get(annotation, "").split(","))


def _judge_volume(tenant: Tenant, held: Holdings) -> Safeguards:
    identity = (VOLUME_CLAIM, names.volume_claim(tenant.key.name))
    claim = held.own.get(identity)
    known = find_recorded_volume(tenant)
    if claim is None:
        return _without_claim(tenant, known, is_taken=identity in held.foreign)
    uid = claim["metadata"]["uid"]
    volume = claim.get("spec", {}).get("volumeName") or ""
    phase = claim.get("status", {}).get("phase")
    found = VolumeStatus(name=volume, claim=uid)
    if known is None:
        known = found if phase in ("Bound", "Lost") else None
    elif known.claim == uid:
        # The record of an earlier version has no name.
        known = found
    gone = known.name or known.claim if known else ""
    if known is None or gone in list_given_up(tenant):
        return Safeguards(record=known and found)
    if "deletionTimestamp" in claim["metadata"]:
        return Safeguards(volume=_going(tenant, known), keeps_pods=True, record=known)
    if phase == "Lost":
        return Safeguards(volume=_lost_volume(tenant, known), keeps_pods=True, record=known)
    is_same = uid == known.claim or (volume and volume == known.name)
    if is_same or uid in _listed(tenant, names.ADOPT_ANNOTATION):
        return Safeguards(record=found)
    replaced = _replaced(tenant, known, uid)
    return Safeguards(volume=replaced, keeps_pods=True, halts=True, record=known)


def _without_claim(tenant: Tenant, known: VolumeStatus | None, *, is_taken: bool) -> Safeguards:
    if known is None or (known.name or known.claim) in list_given_up(tenant):
        return Safeguards(record=known)
    if known.name and known.name in _listed(tenant, names.REBIND_ANNOTATION):
        return Safeguards(rebind_volume=known.name, record=known)
    return Safeguards(
        # Whose claim is in its place is told by another fault.
        volume=None if is_taken else _gone(tenant, known),
        leaves_claim=True,
        keeps_pods=True,
        halts=True,
        record=known,
    )


def _lost_tokens(tenant: Tenant, held: Holdings) -> Fault | None:
    """Return the fault of a tenant whose token Entra has, and nobody else any more."""
    token, digests = _token_identities(tenant)
    is_issued = tenant.spec.token.existing_secret is None and tenant.status.tokens
    if not is_issued or {token, digests} & set(held.foreign):
        return None
    newest = tenant.status.tokens[-1].id
    missing = [] if held.has_token else [token[1]]
    missing += [] if digests in held.own else [digests[1]]
    condition = tenant.status.condition(TOKEN_READY)
    # By the digests alone Entra's token stays accepted beside a new one, and by the token alone
    # its digests are made. But what is being restored comes one after the other.
    was_lost = condition is not None and condition.reason == TOKEN_LOST
    if len(missing) < (1 if was_lost else 2) or newest in list_given_up(tenant):
        return None
    return Fault(
        SECRET,
        TOKEN_LOST,
        f"Secrets with the token that Entra has are gone ({', '.join(missing)}): restore both from "
        f"a backup ({_GUIDE}); pods that run still accept it. To go on without them, with another "
        f"token if that is gone, which Entra has to be given, {_annotate(tenant, newest)}",
    )


def _token_identities(tenant: Tenant) -> tuple[tuple[Kind, str], tuple[Kind, str]]:
    name = tenant.key.name
    return (SECRET, names.token_secret(name)), (SECRET, names.digest_secret(name))


def _missing(tenant: Tenant, held: Holdings) -> Fault | None:
    """Return the fault of a tenant that has not begun, and lacks what one before it had."""
    status = tenant.status
    is_begun = status.tokens or status.volume or status.users is not None
    if is_begun or tenant.uid in list_given_up(tenant):
        return None
    if tenant.annotations.get(names.SERVED_ANNOTATION, "false") != "false":
        why = f"the annotation {names.SERVED_ANNOTATION} says that the tenant has served before"
    elif left := find_leftovers(tenant, held):
        why = f"an earlier tenant of this name has left the {left[0][0].name} {left[0][1]}"
    else:
        return None
    needed: list[tuple[Kind, str]] = []
    if tenant.spec.database.sqlite is not None:
        needed.append((VOLUME_CLAIM, names.volume_claim(tenant.key.name)))
    if tenant.spec.token.existing_secret is None:
        needed += _token_identities(tenant)
    missing = [
        f"{kind.name} {name}"
        for kind, name in needed
        if (kind, name) not in held.own and (kind, name) not in held.foreign
    ]
    if not missing:
        return None
    return Fault(
        VOLUME_CLAIM,
        "DataMissing",
        f"{why}, and there is no {' and no '.join(missing)}: restore what is missing from the "
        f"backup ({_GUIDE}). To begin without it, {_annotate(tenant, tenant.uid)}",
    )


def find_leftovers(tenant: Tenant, held: Holdings) -> tuple[tuple[Kind, str], ...]:
    """Return what was there before the tenant and shows that another one served."""
    claim = (VOLUME_CLAIM, names.volume_claim(tenant.key.name))
    found = []
    for identity in (claim, *_token_identities(tenant)):
        live = held.own.get(identity)
        if live is None or identity in held.adopted:
            continue
        is_used = identity != claim or live.get("status", {}).get("phase") == "Bound"
        if is_used and parse_timestamp(live["metadata"]["creationTimestamp"]) < tenant.created:
            found.append(identity)
    return tuple(found)


def _annotate(tenant: Tenant, value: str) -> str:
    return (
        f"kubectl annotate -n {tenant.key.namespace} scimtenant {tenant.key.name} "
        f"{names.BEGIN_ANEW_ANNOTATION}={value}"
    )


def _going(tenant: Tenant, known: VolumeStatus) -> Fault:
    name = names.volume_claim(tenant.key.name)
    return Fault(
        VOLUME_CLAIM,
        "VolumeBeingDeleted",
        f"the PersistentVolumeClaim {name} is being deleted, and the tenant's data goes with it as "
        "soon as no pod uses it, so the pod is left as it is: back the tenant up now (kubectl scim "
        "backup), and keep its volume by the reclaim policy Retain of the PersistentVolume "
        f"{known.name} ({_GUIDE}). To let the data go, {_annotate(tenant, known.name)}",
    )


def _lost_volume(tenant: Tenant, known: VolumeStatus) -> Fault:
    return Fault(
        VOLUME_CLAIM,
        "VolumeLost",
        f"the PersistentVolume {known.name} of the PersistentVolumeClaim "
        f"{names.volume_claim(tenant.key.name)} is gone, and the tenant's data with it: put the "
        f"volume back, or delete the claim and restore a backup ({_GUIDE})",
    )


def _gone(tenant: Tenant, known: VolumeStatus) -> Fault:
    name = names.volume_claim(tenant.key.name)
    where, way_back = "the volume with the tenant's data", "Restore the claim from a backup"
    if known.name:
        where = f"the PersistentVolume {known.name} with the tenant's data"
        way_back = (
            f"If that volume is still there, have its claim made by the annotation "
            f"{names.REBIND_ANNOTATION}={known.name} on the ScimTenant; otherwise restore the "
            "claim from a backup"
        )
    return Fault(
        VOLUME_CLAIM,
        "VolumeLost",
        f"the PersistentVolumeClaim {name} of {where} is gone, and no pod is started on an empty "
        f"one. {way_back} ({_GUIDE}). To begin with an empty volume, "
        f"{_annotate(tenant, known.name or known.claim)}",
    )


def _replaced(tenant: Tenant, known: VolumeStatus, uid: str) -> Fault:
    where = f"whose PersistentVolume {known.name} has" if known.name else "that has"
    return Fault(
        VOLUME_CLAIM,
        "VolumeReplaced",
        f"the PersistentVolumeClaim {names.volume_claim(tenant.key.name)} is not the one {where} "
        "the tenant's data: no pod is started on it. If it has what was restored, let the tenant "
        f"have it by the annotation {names.ADOPT_ANNOTATION}={uid} on the ScimTenant; otherwise "
        f"delete it ({_GUIDE})",
    )
