"""From what was observed to what is wanted: objects, removals, tokens. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scim_operator.api import conditions, names
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.formats import parse_duration
from scim_operator.desired import faults
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.objects import applied_digest, secrets
from scim_operator.desired.objects.builders import BUILDERS
from scim_operator.desired.objects.context import ObjectContext
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification, data_loss, deletions
from scim_operator.desired.ownership.seals import SEALED
from scim_operator.desired.tokens import digests_file, rotation, token_format, trusted_secrets
from scim_operator.desired.urls.address import derive_address
from scim_operator.desired.validation import allowed, usable
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    NETWORK_POLICY,
    SECRET,
    VOLUME_CLAIM,
    Kind,
    Object,
)
from scim_operator.settings import Settings

_ACCESS_OVERLAP = timedelta(hours=1)
"""How long the management port accepts the credential before the current one: until the kubelet
has brought the new digests to every pod, which takes minutes."""

_ACCESS_AGE = timedelta(days=25)
_ACCESS_SPREAD_MINUTES = 10 * 24 * 60
"""Tenants that got their credentials in one moment must not rotate them in one moment."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass does.

    Attributes
    ----------
    token
        The decision about tokens; None while ``existingSecret`` cannot be used.
    token_fault
        Why it cannot be used.
    weakness
        Why the token can be guessed, which stays accepted only because it was before.
    access
        The decision about the management port's credential; None while it cannot be changed.
    secrets
        Written one after the other before everything else: the token, the credential, then the
        digests. A pass that is cut off between them leaves a token that the next one accepts.
    digests_without_access
        The digests to write if the credential cannot be written: with those that there are.
    objects
        Everything else, in the order of the builders.
    removals
        Objects of the tenant that it wants no longer.
    faults
        Objects that are somebody else's and are left alone.
    withheld
        What is not passed on of the spec.
    adopted
        Objects that become the tenant's by people's consent, by kind and name.
    inherited
        Objects that an earlier tenant of the same name has left, by kind and name.
    rejected
        What is in the tenant's Secrets and is not the operator's work.
    safeguards
        What is not done because the tenant has lost what it had.
    halts
        Whether the pods must not run on: others' digests are where theirs should be, or the volume
        is not the tenant's.
    """

    context: ObjectContext
    token: rotation.TokenPlan | None
    token_fault: faults.Fault | None
    weakness: str | None
    access: rotation.TokenPlan | None
    secrets: tuple[DesiredObject, ...]
    digests_without_access: tuple[DesiredObject, ...]
    objects: tuple[DesiredObject, ...]
    removals: tuple[tuple[Kind, Object], ...]
    faults: tuple[faults.Fault, ...]
    withheld: tuple[allowed.Withheld, ...]
    adopted: tuple[str, ...]
    inherited: tuple[str, ...]
    rejected: tuple[trusted_secrets.Rejected, ...]
    safeguards: data_loss.Safeguards
    halts: bool

    @property
    def has_gaps(self) -> bool:
        """Whether there is an object of it that is not there."""
        return any(wanted.live is None for wanted in (*self.secrets, *self.objects))

    @property
    def deployment(self) -> DesiredObject | None:
        """The Deployment; None if it is left alone."""
        return next((wanted for wanted in self.objects if wanted.kind is DEPLOYMENT), None)

    def without_deployment(self) -> Plan:
        """Return the plan of a pass that leaves the pods as they are."""
        objects = tuple(wanted for wanted in self.objects if wanted.kind is not DEPLOYMENT)
        return replace(self, objects=objects)


def make(observed: Observed, settings: Settings, now: datetime) -> Plan:
    """Plan a pass over a tenant."""
    tenant = observed.tenant
    admitted, withheld = allowed.admit(tenant.spec, settings)
    if admitted is not tenant.spec:
        tenant = replace(tenant, spec=admitted)
    where = derive_address(tenant, settings)
    held = _holdings(observed)
    losses = data_loss.find_safeguards(tenant, held)
    context = ObjectContext(
        tenant=tenant,
        settings=settings,
        address=where,
        is_routed=where.host is not None and observed.hold.is_routed,
        database_version=(
            observed.database_secret["metadata"]["resourceVersion"]
            if observed.database_secret
            else None
        ),
        claim=observed.children.get((VOLUME_CLAIM, names.volume_claim(tenant.key.name))),
        rebinds=losses.rebinds,
    )
    trusted = _trusted(observed)
    decided = losses.tokens or _plan_token(observed, trusted, now)
    token = None if isinstance(decided, faults.Fault) else decided
    access = _plan_access(observed, trusted, token, now)
    digests = _wanted(observed, _digests(observed, context, trusted, token, access))
    objects, removals = _objects(observed, context)
    found = _faults(observed, losses, objects)
    left_alone = {VOLUME_CLAIM} if losses.leaves_claim else set()
    if fault := usable.find_fault(observed.tenant.spec):
        found.append(fault)
        # Pods that have a usable configuration keep it, and no pod is made that cannot start.
        left_alone |= {CONFIG_MAP, DEPLOYMENT}
    if losses.keeps_pods or not _may_have_pods(observed, digests):
        left_alone.add(DEPLOYMENT)
    return Plan(
        context=context,
        token=token,
        token_fault=decided if isinstance(decided, faults.Fault) else None,
        weakness=token_format.find_weakness(token.stored.token)
        if token and token.stored.token and tenant.spec.token.existing_secret
        else None,
        access=access,
        secrets=_wanted(observed, _secrets(context, token, access)) + digests,
        digests_without_access=_wanted(observed, _digests(observed, context, trusted, token, None))
        if access and access.changes
        else digests,
        objects=_wanted(observed, [pair for pair in objects if pair[0] not in left_alone]),
        removals=tuple(removals),
        withheld=withheld,
        faults=tuple(found),
        adopted=tuple(classification.record_name(*identity) for identity in observed.adopted),
        inherited=tuple(
            classification.record_name(*identity)
            for identity in data_loss.find_leftovers(tenant, held)
        ),
        rejected=trusted.rejected,
        safeguards=losses,
        halts=losses.halts or _digest_identity(tenant) in observed.foreign,
    )


def _holdings(observed: Observed) -> data_loss.Holdings:
    token = (SECRET, names.token_secret(observed.tenant.key.name))
    return data_loss.Holdings(
        own=observed.children,
        foreign=observed.foreign.keys(),
        adopted=observed.adopted,
        has_token=token in observed.children or observed.deleted_token is not None,
    )


def _objects(
    observed: Observed, context: ObjectContext
) -> tuple[list[tuple[Kind, Object]], list[tuple[Kind, Object]]]:
    """Return what is wanted beside the Secrets, and what is there and wanted no longer."""
    objects: list[tuple[Kind, Object]] = []
    removals: list[tuple[Kind, Object]] = []
    for kind, name_of, build in BUILDERS:
        live = observed.children.get((kind, name_of(context.tenant.key.name)))
        if wanted := build(context):
            objects.append((kind, wanted))
        elif live and kind is not VOLUME_CLAIM and not deletions.is_going(live):
            removals.append((kind, live))
    return objects, removals


def _trusted(observed: Observed) -> trusted_secrets.Trusted:
    name = observed.tenant.key.name
    return trusted_secrets.read(
        observed.tenant,
        observed.seals,
        token=observed.children.get((SECRET, names.token_secret(name)), observed.deleted_token),
        access=observed.children.get((SECRET, names.access_secret(name))),
        digests=_live_digests(observed),
    )


def _faults(
    observed: Observed, losses: data_loss.Safeguards, objects: Sequence[tuple[Kind, Object]]
) -> list[faults.Fault]:
    tenant = observed.tenant
    name = tenant.key.name
    needed = {(kind, wanted["metadata"]["name"]) for kind, wanted in objects}
    needed |= {(SECRET, names.access_secret(name)), _digest_identity(tenant)}
    if tenant.spec.token.existing_secret is None:
        needed.add((SECRET, names.token_secret(name)))
    foreign = [
        classification.explain_foreign(kind, live, tenant)
        for (kind, each), live in observed.foreign.items()
        if (kind, each) in needed
    ]
    if losses.volume is None:
        return [*foreign, *deletions.find(tenant, observed.children, needed)]
    needed.discard((VOLUME_CLAIM, names.volume_claim(name)))
    return [losses.volume, *foreign, *deletions.find(tenant, observed.children, needed)]


def _wanted(
    observed: Observed, objects: Sequence[tuple[Kind, Object]]
) -> tuple[DesiredObject, ...]:
    result = []
    for kind, wanted in objects:
        identity = (kind, wanted["metadata"]["name"])
        if identity in observed.foreign:
            continue
        wanted = applied_digest.add_digest(wanted)
        if kind in SEALED:
            wanted = observed.seals.add_seal(kind, observed.tenant.key, wanted)
        result.append(DesiredObject(kind, wanted, observed.children.get(identity)))
    return tuple(result)


def _may_have_pods(observed: Observed, digests: Sequence[DesiredObject]) -> bool:
    """Tell whether the Deployment may be written: its pods take what they find by its name."""
    name = observed.tenant.key.name
    needed = (
        _digest_identity(observed.tenant),
        (CONFIG_MAP, names.config(name)),
        (VOLUME_CLAIM, names.volume_claim(name)),
        (NETWORK_POLICY, names.workload(name)),
    )
    if any(identity in observed.foreign for identity in needed):
        return False
    is_there = (DEPLOYMENT, names.workload(name)) in observed.children
    return is_there or bool(digests) or _live_digests(observed) is not None


def _plan_token(
    observed: Observed, trusted: trusted_secrets.Trusted, now: datetime
) -> rotation.TokenPlan | faults.Fault:
    tenant = observed.tenant
    spec = tenant.spec.token
    secret = observed.children.get(
        (SECRET, names.token_secret(tenant.key.name)), observed.deleted_token
    )
    digests = _live_digests(observed)
    wish = rotation.Instructions(
        overlap=parse_duration(spec.overlap),
        rotate_every=parse_duration(spec.rotate_every) if spec.rotate_every else None,
        rotate=tenant.annotations.get(names.ROTATE_ANNOTATION),
        forced=tenant.annotations.get(names.ROTATE_ANNOTATION, "").startswith(names.FORCE),
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION),
    )
    revoked = _annotation(digests, names.REVOKE_ANNOTATION)
    if foreign := observed.foreign.get(_digest_identity(tenant)):
        return classification.explain_foreign(SECRET, foreign, tenant)
    if spec.existing_secret is not None:
        token = _owner_token(observed, spec.existing_secret, trusted.accepted)
        if isinstance(token, faults.Fault):
            return token
        stored = rotation.Stored(token, trusted.accepted, wish.rotate, revoked)
        return rotation.plan_current(wish, stored, observed.uses(), now)
    token_identity = (SECRET, names.token_secret(tenant.key.name))
    if foreign := observed.foreign.get(token_identity):
        return classification.explain_foreign(SECRET, foreign, tenant)
    stored = rotation.Stored(
        token=None if _has_ended(tenant, trusted) else trusted.token,
        accepted=trusted.accepted,
        rotated=_annotation(secret, names.ROTATE_ANNOTATION),
        # Without its digests a tenant has nothing to revoke.
        revoked=revoked if digests else wish.revoke,
    )
    return rotation.plan_issued(wish, stored, observed.uses(), now)


def _has_ended(tenant: Tenant, trusted: trusted_secrets.Trusted) -> bool:
    """Tell whether the operator's own token was refused while ``existingSecret`` was in its place.

    Its Secret is still there, and a token that was revoked meanwhile must not come back with it.
    """
    if tenant.status.token_secret_name in (None, names.token_secret(tenant.key.name)):
        return False
    accepted = {entry.sha256 for entry in trusted.accepted}
    return trusted.token is not None and token_format.hash_token(trusted.token) not in accepted


def _owner_token(
    observed: Observed, name: str, accepted: Sequence[digests_file.AcceptedToken]
) -> str | faults.Fault:
    """Return the token in the owner's Secret, or why it cannot be used."""
    tenant = observed.tenant
    what = f"the Secret {name} of spec.token.existingSecret"
    if observed.existing_secret and secret_data.is_reserved(
        observed.existing_secret, tenant.key.name
    ):
        return faults.Fault(
            SECRET,
            "ForeignSecret",
            f"{what} is the operator's own or another tenant's: name one that you have made for "
            "this tenant",
        )
    token = secret_data.read(observed.existing_secret, secret_data.TOKEN_KEY)
    if token is None:
        problem = (
            f"has no key {secret_data.TOKEN_KEY}" if observed.existing_secret else "does not exist"
        )
        return faults.Fault(
            SECRET,
            "SecretMissing",
            f"{what} {problem}: give it the key {secret_data.TOKEN_KEY} with a token of at least "
            "32 random characters",
        )
    if (weakness := token_format.find_weakness(token)) and not _is_accepted(
        tenant, token, accepted
    ):
        return faults.Fault(
            SECRET,
            "TokenTooWeak",
            f"the token in {what} {weakness}: write one of at least 32 random characters there, "
            "such as openssl rand -hex 32 prints",
        )
    return token


def _is_accepted(
    tenant: Tenant, token: str, accepted: Sequence[digests_file.AcceptedToken]
) -> bool:
    """Tell whether a weak token was accepted by an earlier version: refused, it locks Entra out."""
    condition = tenant.status.condition(conditions.TOKEN_READY)
    return (
        token_format.hash_token(token) in {entry.sha256 for entry in accepted}
        # Also when the digests have been lost since.
        or (condition is not None and condition.reason == conditions.WEAK_TOKEN)
    )


def _annotation(live: Object | None, key: str) -> str | None:
    annotations: dict[str, str] = (live or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(key)


def _plan_access(
    observed: Observed,
    trusted: trusted_secrets.Trusted,
    token: rotation.TokenPlan | None,
    now: datetime,
) -> rotation.TokenPlan | None:
    tenant = observed.tenant
    digests = _live_digests(observed)
    needed = {(SECRET, names.access_secret(tenant.key.name)), _digest_identity(tenant)}
    if (token is None and digests is None) or needed & observed.foreign.keys():
        return None
    credential = trusted.credential
    known = {entry.sha256 for entry in trusted.access}
    if credential and known and token_format.hash_token(credential) not in known:
        # Not the operator's: whoever wrote it would read what the tenant's users do.
        credential = None
    spread = timedelta(minutes=zlib.crc32(tenant.uid.encode()) % _ACCESS_SPREAD_MINUTES)
    wish = rotation.Instructions(
        overlap=_ACCESS_OVERLAP,
        rotate_every=_ACCESS_AGE + spread,
        # Carried out together: the digests' annotation tells of both.
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION) if token else None,
        waits_for_use=False,
        prefix=token_format.ACCESS_PREFIX,
    )
    stored = rotation.Stored(
        token=credential,
        # Deleting the Secret revokes: nobody but the operator sends what was in it.
        accepted=trusted.access if credential else (),
        revoked=_annotation(digests, names.REVOKE_ANNOTATION) if digests else wish.revoke,
    )
    return rotation.plan_issued(wish, stored, rotation.NO_USES, now)


def _digest_identity(tenant: Tenant) -> tuple[Kind, str]:
    return (SECRET, names.digest_secret(tenant.key.name))


def _live_digests(observed: Observed) -> Object | None:
    return observed.children.get(_digest_identity(observed.tenant))


def _secrets(
    context: ObjectContext, token: rotation.TokenPlan | None, access: rotation.TokenPlan | None
) -> tuple[tuple[Kind, Object], ...]:
    found = []
    if token and token.stored.token and context.tenant.spec.token.existing_secret is None:
        found.append(secrets.build_token(context, token.stored.token, token.stored.rotated))
    if access and access.stored.token:
        found.append(secrets.build_access(context, access.stored.token))
    return tuple((SECRET, secret) for secret in found)


def _digests(
    observed: Observed,
    context: ObjectContext,
    trusted: trusted_secrets.Trusted,
    token: rotation.TokenPlan | None,
    access: rotation.TokenPlan | None,
) -> tuple[tuple[Kind, Object], ...]:
    accepted = token.stored.accepted if token else trusted.accepted
    live = _live_digests(observed)
    if not accepted and live is None:
        # A pod with no token to accept serves nobody: better it waits for its volume.
        return ()
    files = {secret_data.DIGESTS_FILE: digests_file.dump(accepted)}
    if entered := access.stored.accepted if access else trusted.access:
        files[secret_data.ACCESS_FILE] = digests_file.dump(entered)
    revoked = token.stored.revoked if token else _annotation(live, names.REVOKE_ANNOTATION)
    return ((SECRET, secrets.build_digests(context, files, revoked)),)
