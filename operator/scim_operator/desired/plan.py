"""Plans a reconcile: from what was observed of a tenant to the objects that it should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from scim_operator.api.tenant import Tenant
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.faults import Fault
from scim_operator.desired.objects import (
    applied_digest,
    config_map,
    deployment,
    network_policy,
    secrets,
    volume_claim,
)
from scim_operator.desired.objects.builders import BUILDERS
from scim_operator.desired.objects.context import ObjectContext
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership import classification, data_loss, deletions
from scim_operator.desired.ownership.seals import SEALED
from scim_operator.desired.tokens import (
    access_credential,
    secret_objects,
    tenant_token,
    token_format,
    trusted_secrets,
)
from scim_operator.desired.tokens.rotation import TokenPlan
from scim_operator.desired.urls.address import derive_address
from scim_operator.desired.validation import allowed_fields, usable_spec
from scim_operator.kube.kinds import CONFIG_MAP, DEPLOYMENT, VOLUME_CLAIM, Identity, Kind, Object
from scim_operator.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """What one reconcile of a tenant writes, removes and leaves alone.

    Attributes
    ----------
    token
        The decision about the token; None while there is none.
    token_fault
        Why there is no decision about the token.
    weakness
        Why the token can be guessed, which is accepted only because an earlier version accepted it.
    access
        The decision about the management port's credential; None while it cannot be changed.
    secrets
        Written one after the other before everything else: the token, the credential, then the
        digests. A reconcile that is interrupted between them leaves a token that the next one
        accepts.
    digests_without_access
        The digests to write if the credential cannot be written: with its existing digests.
    objects
        All other objects, in the order of the builders.
    removals
        The tenant's objects that it no longer needs.
    faults
        Objects that cannot be as desired: of another owner, being deleted, lost or unusable.
    withheld
        Parts of the spec that the administrator does not allow.
    adopted
        Objects that become the tenant's by the consent of people, by kind and name.
    inherited
        Objects that an earlier tenant of the same name has left, by kind and name.
    rejected
        Contents of the tenant's Secrets that another client has written.
    safeguards
        What is not done because the tenant has lost data or tokens.
    halts
        Whether the pods must stop: the digests or the volume at their names are not the tenant's.
    """

    context: ObjectContext
    token: TokenPlan | None
    token_fault: Fault | None
    weakness: str | None
    access: TokenPlan | None
    secrets: tuple[DesiredObject, ...]
    digests_without_access: tuple[DesiredObject, ...]
    objects: tuple[DesiredObject, ...]
    removals: tuple[tuple[Kind, Object], ...]
    faults: tuple[Fault, ...]
    withheld: tuple[allowed_fields.Withheld, ...]
    adopted: tuple[str, ...]
    inherited: tuple[str, ...]
    rejected: tuple[trusted_secrets.Rejected, ...]
    safeguards: data_loss.Safeguards
    halts: bool

    @property
    def has_gaps(self) -> bool:
        """Whether a desired object does not exist."""
        return any(desired.live is None for desired in (*self.secrets, *self.objects))

    @property
    def deployment(self) -> DesiredObject | None:
        """The Deployment; None if it is left alone."""
        return next((desired for desired in self.objects if desired.kind is DEPLOYMENT), None)

    def without_deployment(self) -> Plan:
        """Return a plan that leaves the pods as they are."""
        objects = tuple(desired for desired in self.objects if desired.kind is not DEPLOYMENT)
        return replace(self, objects=objects)


def build(observed: Observed, settings: Settings, now: datetime) -> Plan:
    """Plan a reconcile of a tenant."""
    tenant = observed.tenant
    spec, withheld = allowed_fields.admit(tenant.spec, settings)
    if spec is not tenant.spec:
        tenant = replace(tenant, spec=spec)
    holdings = _list_holdings(observed)
    safeguards = data_loss.find_safeguards(tenant, holdings)
    context = _build_context(observed, tenant, settings, safeguards)
    foreign = {
        identity: classification.explain_foreign(identity[0], live, tenant)
        for identity, live in observed.foreign.items()
    }
    trusted = trusted_secrets.read(observed)
    decided = safeguards.tokens or tenant_token.plan_token(observed, trusted, foreign, now)
    token = None if isinstance(decided, Fault) else decided
    access = access_credential.plan_access(observed, trusted, token, now)
    digests_identity = secrets.identify_digests(tenant.key.name)
    digests, digests_without_access = _build_digests(observed, context, trusted, token, access)
    objects, removals = _build_objects(observed, context)
    unusable = usable_spec.find_fault(observed.tenant.spec)
    left_alone = _list_left_alone(observed, safeguards, unusable, has_digests=bool(digests))
    return Plan(
        context=context,
        token=token,
        token_fault=decided if isinstance(decided, Fault) else None,
        weakness=_find_weakness(tenant, token),
        access=access,
        secrets=_complete(observed, secret_objects.build_secrets(context, token, access)) + digests,
        digests_without_access=digests_without_access,
        objects=_complete(observed, [each for each in objects if each[0] not in left_alone]),
        removals=tuple(removals),
        withheld=withheld,
        faults=(
            *([safeguards.volume] if safeguards.volume else []),
            *_find_faults(observed, safeguards, foreign, objects),
            *([unusable] if unusable else []),
        ),
        adopted=tuple(classification.record_name(*identity) for identity in observed.adopted),
        inherited=tuple(
            classification.record_name(*identity)
            for identity in data_loss.find_leftovers(tenant, holdings)
        ),
        rejected=trusted.rejected,
        safeguards=safeguards,
        halts=safeguards.halts or digests_identity in foreign,
    )


def _list_holdings(observed: Observed) -> data_loss.Holdings:
    token = secrets.identify_token(observed.tenant.key.name)
    return data_loss.Holdings(
        own=observed.children,
        foreign=observed.foreign.keys(),
        adopted=observed.adopted,
        has_token=token in observed.children or observed.deleted_token is not None,
    )


def _build_context(
    observed: Observed, tenant: Tenant, settings: Settings, safeguards: data_loss.Safeguards
) -> ObjectContext:
    address = derive_address(tenant, settings)
    database = observed.database_secret
    return ObjectContext(
        tenant=tenant,
        settings=settings,
        address=address,
        is_routed=address.host is not None and observed.hold.is_routed,
        database_version=database["metadata"]["resourceVersion"] if database else None,
        claim=observed.children.get(volume_claim.BUILDER.identify(tenant.key.name)),
        rebind_volume=safeguards.rebind_volume,
    )


def _build_digests(
    observed: Observed,
    context: ObjectContext,
    trusted: trusted_secrets.Trusted,
    token: TokenPlan | None,
    access: TokenPlan | None,
) -> tuple[tuple[DesiredObject, ...], tuple[DesiredObject, ...]]:
    """Return the digests to write, and those to write if the credential cannot be written."""
    live = observed.children.get(secrets.identify_digests(context.tenant.key.name))
    with_access = secret_objects.build_digests(context, live, trusted, token, access)
    digests = _complete(observed, with_access)
    if access is None or not access.changes:
        return digests, digests
    without_access = secret_objects.build_digests(context, live, trusted, token, None)
    return digests, _complete(observed, without_access)


def _build_objects(
    observed: Observed, context: ObjectContext
) -> tuple[list[tuple[Kind, Object]], list[tuple[Kind, Object]]]:
    """Return the desired objects other than Secrets, and the existing ones to remove."""
    objects: list[tuple[Kind, Object]] = []
    removals: list[tuple[Kind, Object]] = []
    for builder in BUILDERS:
        live = observed.children.get(builder.identify(context.tenant.key.name))
        if desired := builder.build(context):
            objects.append((builder.kind, desired))
        elif live and builder.kind is not VOLUME_CLAIM and not deletions.is_being_deleted(live):
            removals.append((builder.kind, live))
    return objects, removals


def _list_left_alone(
    observed: Observed,
    safeguards: data_loss.Safeguards,
    unusable: Fault | None,
    *,
    has_digests: bool,
) -> set[Kind]:
    """Return the kinds whose object stays as it is."""
    left_alone = set()
    if safeguards.leaves_claim:
        left_alone.add(VOLUME_CLAIM)
    if unusable:
        # Existing pods keep the usable configuration that they have, and no new pod is created
        # that cannot start.
        left_alone |= {CONFIG_MAP, DEPLOYMENT}
    if safeguards.keeps_pods or not _may_have_pods(observed, has_digests=has_digests):
        left_alone.add(DEPLOYMENT)
    return left_alone


def _may_have_pods(observed: Observed, *, has_digests: bool) -> bool:
    """Tell whether the Deployment may be written: its pods mount other objects by their names."""
    name = observed.tenant.key.name
    digests = secrets.identify_digests(name)
    mounted = (config_map.BUILDER, volume_claim.BUILDER, network_policy.BUILDER)
    needed = {digests, *(builder.identify(name) for builder in mounted)}
    if needed & observed.foreign.keys():
        return False
    existing = observed.children.keys() & {digests, deployment.BUILDER.identify(name)}
    return has_digests or bool(existing)


def _find_faults(
    observed: Observed,
    safeguards: data_loss.Safeguards,
    foreign: Mapping[Identity, Fault],
    objects: Sequence[tuple[Kind, Object]],
) -> list[Fault]:
    """Return the faults of needed objects that are not the tenant's or are being deleted."""
    tenant = observed.tenant
    name = tenant.key.name
    needed = {(kind, desired["metadata"]["name"]) for kind, desired in objects}
    needed |= {secrets.identify_access(name), secrets.identify_digests(name)}
    if tenant.spec.token.existing_secret is None:
        needed.add(secrets.identify_token(name))
    found = [fault for identity, fault in foreign.items() if identity in needed]
    if safeguards.volume is not None:
        needed.discard(volume_claim.BUILDER.identify(name))
    return [*found, *deletions.find_faults(tenant, observed.children, needed)]


def _complete(
    observed: Observed, objects: Sequence[tuple[Kind, Object]]
) -> tuple[DesiredObject, ...]:
    """Add digest and seal to objects, except those at whose names another owner's object is."""
    completed = []
    for kind, desired in objects:
        identity = (kind, desired["metadata"]["name"])
        if identity in observed.foreign:
            continue
        desired = applied_digest.add_digest(desired)
        if kind in SEALED:
            desired = observed.seals.add_seal(kind, observed.tenant.key, desired)
        completed.append(DesiredObject(kind, desired, observed.children.get(identity)))
    return tuple(completed)


def _find_weakness(tenant: Tenant, token: TokenPlan | None) -> str | None:
    if token is None or token.stored.token is None or tenant.spec.token.existing_secret is None:
        return None
    return token_format.find_weakness(token.stored.token)
