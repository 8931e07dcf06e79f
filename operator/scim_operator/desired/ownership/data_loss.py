"""Checks whether a tenant still has the volume and the tokens that it had.

A deleted claim would be created again with an empty volume, and a deleted token with another value:
the tenant would serve Entra no users, or reject it, and seem healthy. So the status records the
volume with data, and while that is missing the operator creates nothing at its name and starts no
pod, unless a person consents by an annotation that names what is given up.

A tenant without a record may be restored from a backup before its Secrets and its volume. The
annotation `names.SERVED_ANNOTATION`, which a backup keeps although it omits status, shows that; so
do objects of an earlier tenant, which are older than the tenant.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from scim_operator.api import names
from scim_operator.api.conditions import TOKEN_READY
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import VolumeStatus
from scim_operator.desired.faults import Fault
from scim_operator.desired.objects import secrets, volume_claim
from scim_operator.desired.ownership import classification
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Identity, Object
from scim_operator.timestamps import parse_timestamp

_GUIDE = "docs/backup.md"

TOKEN_LOST = "TokenLost"  # noqa: S105 (the reason of a condition)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a tenant has in the cluster.

    Attributes
    ----------
    own, foreign
        The objects at its names that are its own, and those that are not.
    adopted
        Those of its own that people have adopted.
    has_token
        Whether its token is known, from the Secret or from the deleted Secret.
    """

    own: Mapping[Identity, Object]
    foreign: Collection[Identity]
    adopted: Collection[Identity]
    has_token: bool


@dataclass(frozen=True, slots=True)
class Safeguards:
    """What a reconcile must not do, so that no data or token is lost.

    Attributes
    ----------
    volume
        The fault of its volume.
    tokens
        The fault of its tokens; with it, no token is issued.
    leaves_claim
        Whether no claim is created, and an existing claim stays as it is.
    rebind_volume
        The volume that a new claim must bind to; None if it may bind to any.
    keeps_pods
        Whether the pods stay as they are.
    halts
        Whether no pod may run, because it would start on another volume.
    record
        The volume with its data, for its status.
    """

    volume: Fault | None = None
    tokens: Fault | None = None
    leaves_claim: bool = False
    rebind_volume: str | None = None
    keeps_pods: bool = False
    halts: bool = False
    record: VolumeStatus | None = None


def find_safeguards(tenant: Tenant, held: Holdings) -> Safeguards:
    """Compare what a tenant has with what it had."""
    if missing := _explain_missing_data(tenant, held):
        # No part either: with its own token or volume, the tenant would no longer count as new.
        tokens = replace(missing, kind=SECRET)
        return Safeguards(volume=missing, tokens=tokens, leaves_claim=True, keeps_pods=True)
    has_volume = tenant.spec.database.sqlite is not None
    safeguards = _check_volume(tenant, held) if has_volume else Safeguards()
    if lost := _explain_lost_tokens(tenant, held):
        return replace(safeguards, tokens=lost, keeps_pods=True)
    return safeguards


def find_recorded_volume(tenant: Tenant) -> VolumeStatus | None:
    """Return the volume that had the tenant's data.

    A version that kept no record has written which claim was the tenant's, and the number of users
    that the service had.
    """
    status = tenant.status
    if status.volume or status.users is None:
        return status.volume
    name = classification.record_name(*volume_claim.BUILDER.identify(tenant.key.name))
    uid = status.objects.get(name)
    return VolumeStatus(name="", claim=uid) if uid else None


def list_given_up(tenant: Tenant) -> frozenset[str]:
    """Return the names that people have given up by `names.BEGIN_ANEW_ANNOTATION`."""
    return _split_annotation(tenant, names.BEGIN_ANEW_ANNOTATION)


def _split_annotation(tenant: Tenant, annotation: str) -> frozenset[str]:
    return frozenset(part.strip() for part in tenant.annotations.get(annotation, "").split(","))


def _check_volume(tenant: Tenant, held: Holdings) -> Safeguards:
    identity = volume_claim.BUILDER.identify(tenant.key.name)
    claim = held.own.get(identity)
    known = find_recorded_volume(tenant)
    if claim is None:
        return _check_missing_claim(tenant, known, is_taken=identity in held.foreign)
    uid = claim["metadata"]["uid"]
    volume = claim.get("spec", {}).get("volumeName") or ""
    phase = claim.get("status", {}).get("phase")
    found = VolumeStatus(name=volume, claim=uid)
    if known is None:
        known = found if phase in ("Bound", "Lost") else None
    elif known.claim == uid:
        # The record of an earlier version has no name of a volume.
        known = found
    gone = known.name or known.claim if known else ""
    if known is None or gone in list_given_up(tenant):
        return Safeguards(record=known and found)
    if "deletionTimestamp" in claim["metadata"]:
        return Safeguards(volume=_explain_deletion(tenant, known), keeps_pods=True, record=known)
    if phase == "Lost":
        return Safeguards(volume=_explain_lost_volume(tenant, known), keeps_pods=True, record=known)
    is_same = uid == known.claim or (volume and volume == known.name)
    if is_same or uid in _split_annotation(tenant, names.ADOPT_ANNOTATION):
        return Safeguards(record=found)
    replaced = _explain_replacement(tenant, known, uid)
    return Safeguards(volume=replaced, keeps_pods=True, halts=True, record=known)


def _check_missing_claim(
    tenant: Tenant, known: VolumeStatus | None, *, is_taken: bool
) -> Safeguards:
    if known is None or (known.name or known.claim) in list_given_up(tenant):
        return Safeguards(record=known)
    if known.name and known.name in _split_annotation(tenant, names.REBIND_ANNOTATION):
        return Safeguards(rebind_volume=known.name, record=known)
    return Safeguards(
        # Another fault names the owner of the claim at its name.
        volume=None if is_taken else _explain_missing_claim(tenant, known),
        leaves_claim=True,
        keeps_pods=True,
        halts=True,
        record=known,
    )


def _explain_lost_tokens(tenant: Tenant, held: Holdings) -> Fault | None:
    """Return the fault of a tenant whose token only Entra still has."""
    token, digests = _identify_tokens(tenant)
    is_issued = tenant.spec.token.existing_secret is None and tenant.status.tokens
    if not is_issued or {token, digests} & set(held.foreign):
        return None
    newest = tenant.status.tokens[-1].id
    missing = [] if held.has_token else [token[1]]
    missing += [] if digests in held.own else [digests[1]]
    condition = tenant.status.condition(TOKEN_READY)
    # Either Secret is enough: with the digests, Entra's token stays accepted beside a new one, and
    # from the token its digests are computed. But a backup restores them one after the other.
    was_lost = condition is not None and condition.reason == TOKEN_LOST
    if len(missing) < (1 if was_lost else 2) or newest in list_given_up(tenant):
        return None
    return Fault(
        SECRET,
        TOKEN_LOST,
        f"Secrets with the token that Entra has are gone ({', '.join(missing)}): restore both from "
        f"a backup ({_GUIDE}); running pods still accept it. To continue without them, "
        f"{_annotate(tenant, newest)}; if the token itself is gone, the operator then issues "
        "another one, which the administrator must paste into Entra",
    )


def _identify_tokens(tenant: Tenant) -> tuple[Identity, Identity]:
    name = tenant.key.name
    return secrets.identify_token(name), secrets.identify_digests(name)


def _explain_missing_data(tenant: Tenant, held: Holdings) -> Fault | None:
    """Return the fault of a new tenant that lacks what it had before a restore."""
    status = tenant.status
    has_begun = status.tokens or status.volume or status.users is not None
    if has_begun or tenant.uid in list_given_up(tenant):
        return None
    if tenant.annotations.get(names.SERVED_ANNOTATION, "false") != "false":
        why = f"the annotation {names.SERVED_ANNOTATION} says that the tenant has served before"
    elif left := find_leftovers(tenant, held):
        why = f"an earlier tenant of this name has left the {left[0][0].name} {left[0][1]}"
    else:
        return None
    needed: list[Identity] = []
    if tenant.spec.database.sqlite is not None:
        needed.append(volume_claim.BUILDER.identify(tenant.key.name))
    if tenant.spec.token.existing_secret is None:
        needed += _identify_tokens(tenant)
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
        f"backup ({_GUIDE}). To start without it, {_annotate(tenant, tenant.uid)}",
    )


def find_leftovers(tenant: Tenant, held: Holdings) -> tuple[Identity, ...]:
    """Return objects that are older than the tenant and show that an earlier tenant served."""
    claim = volume_claim.BUILDER.identify(tenant.key.name)
    found = []
    for identity in (claim, *_identify_tokens(tenant)):
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


def _explain_deletion(tenant: Tenant, known: VolumeStatus) -> Fault:
    name = names.volume_claim(tenant.key.name)
    return Fault(
        VOLUME_CLAIM,
        "VolumeBeingDeleted",
        f"the PersistentVolumeClaim {name} is being deleted, and the tenant's data with it as soon "
        "as no pod uses it, so the pod is left as it is: back the tenant up now (kubectl scim "
        "backup), and keep its volume by the reclaim policy Retain of the PersistentVolume "
        f"{known.name} ({_GUIDE}). To give up the data, {_annotate(tenant, known.name)}",
    )


def _explain_lost_volume(tenant: Tenant, known: VolumeStatus) -> Fault:
    return Fault(
        VOLUME_CLAIM,
        "VolumeLost",
        f"the PersistentVolume {known.name} of the PersistentVolumeClaim "
        f"{names.volume_claim(tenant.key.name)} is gone, and the tenant's data with it: restore "
        f"the volume, or delete the claim and restore a backup ({_GUIDE})",
    )


def _explain_missing_claim(tenant: Tenant, known: VolumeStatus) -> Fault:
    name = names.volume_claim(tenant.key.name)
    where, way_back = "the volume with the tenant's data", "Restore the claim from a backup"
    if known.name:
        where = f"the PersistentVolume {known.name} with the tenant's data"
        way_back = (
            f"If that volume still exists, have its claim created by the annotation "
            f"{names.REBIND_ANNOTATION}={known.name} on the ScimTenant; otherwise restore the "
            "claim from a backup"
        )
    return Fault(
        VOLUME_CLAIM,
        "VolumeLost",
        f"the PersistentVolumeClaim {name} of {where} is gone, and no pod is started on an empty "
        f"one. {way_back} ({_GUIDE}). To start with an empty volume, "
        f"{_annotate(tenant, known.name or known.claim)}",
    )


def _explain_replacement(tenant: Tenant, known: VolumeStatus, uid: str) -> Fault:
    where = f"whose PersistentVolume {known.name} has" if known.name else "that has"
    return Fault(
        VOLUME_CLAIM,
        "VolumeReplaced",
        f"the PersistentVolumeClaim {names.volume_claim(tenant.key.name)} is not the one {where} "
        "the tenant's data: no pod is started on it. If it has the restored data, give it to the "
        f"tenant by the annotation {names.ADOPT_ANNOTATION}={uid} on the ScimTenant; otherwise "
        f"delete it ({_GUIDE})",
    )
