"""From what was observed to what is wanted: objects, removals, tokens. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from scim_operator import allow, conditions, drift, extensions, faults, names, tokens
from scim_operator.children import BUILDERS, secrets
from scim_operator.children.subject import Object, Subject
from scim_operator.crd import Rollout, duration
from scim_operator.kinds import CLAIM, CONFIG_MAP, DEPLOYMENT, SECRET, Kind
from scim_operator.report import Problem, Report
from scim_operator.settings import Settings
from scim_operator.tenant import Key, Tenant, address

_ACCESS_OVERLAP = timedelta(hours=1)
"""How long the management port accepts the credential before the current one: until the kubelet
has brought the new digests to every pod, which takes minutes."""

_ACCESS_AGE = timedelta(days=25)
_ACCESS_SPREAD_MINUTES = 10 * 24 * 60
"""Tenants that got their credentials in one moment must not rotate them in one moment."""


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a plan and a status depend on, beside settings and clock.

    Attributes
    ----------
    children
        The watched copies of the tenant's objects, by kind and name.
    pods
        The watched copies of its pods.
    rival
        An older tenant with the same Tenant URL.
    existing
        The Secret that ``token.existingSecret`` names; None if it is not there.
    database
        The Secret that ``database.postgres.urlFrom`` names; None if it is not there.
    lost
        The token Secret as it was when somebody deleted it under the operator's eyes.
    storage_missing
        What is wrong with the volume's StorageClass, as words; None if nothing is known.
    report, unreadable
        The last reading of the service's counts, and why the latest attempts failed.
    rollout
        The operator's record of the pods, as it is after the pass.
    """

    tenant: Tenant
    children: Mapping[tuple[Kind, str], Object]
    pods: Sequence[Object] = ()
    rival: Key | None = None
    existing: Object | None = None
    database: Object | None = None
    lost: Object | None = None
    storage_missing: str | None = None
    report: Report | None = None
    unreadable: Problem | None = None
    rollout: Rollout | None = None

    def last_used(self) -> dict[str, datetime]:
        """When each token was used last, from the latest reading and from status before it."""
        known = {
            token.id: token.last_used for token in self.tenant.status.tokens if token.last_used
        }
        return known | (self.report.last_used if self.report else {})

    def uses(self) -> tokens.Uses:
        """What shows that tokens are in use; what a pod merely says of one is not among it."""
        return tokens.Uses(
            proofs=self.report.proofs if self.report else {},
            confirmed=frozenset(
                token.id for token in self.tenant.status.tokens if token.confirmed_at
            ),
        )


@dataclass(frozen=True)
class Wanted:
    """An object to have.

    Attributes
    ----------
    object
        With the annotation of `drift.stamped`.
    live
        The watched copy; None if there is none.
    """

    kind: Kind
    object: Object
    live: Object | None

    @property
    def name(self) -> str:
        """Name of the object."""
        name: str = self.object["metadata"]["name"]
        return name

    @cached_property
    def is_current(self) -> bool:
        """Whether there is nothing to write."""
        return self.live is not None and drift.is_current(self.object, self.live)

    @property
    def additions(self) -> tuple[str, ...]:
        """Where the object has what nobody asked for."""
        return drift.additions(self.object, self.live) if self.live else ()


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
    """

    subject: Subject
    token: tokens.Plan | None
    token_fault: faults.Fault | None
    weakness: str | None
    access: tokens.Plan | None
    secrets: tuple[Wanted, ...]
    digests_without_access: tuple[Wanted, ...]
    objects: tuple[Wanted, ...]
    removals: tuple[tuple[Kind, Object], ...]
    faults: tuple[faults.Fault, ...]
    withheld: tuple[allow.Withheld, ...]

    @property
    def has_gaps(self) -> bool:
        """Whether there is an object of it that is not there."""
        return any(wanted.live is None for wanted in (*self.secrets, *self.objects))

    @property
    def deployment(self) -> Wanted | None:
        """The Deployment; None if it is left alone."""
        return next((wanted for wanted in self.objects if wanted.kind is DEPLOYMENT), None)

    def without_deployment(self) -> Plan:
        """Return the plan of a pass that leaves the pods as they are."""
        objects = tuple(wanted for wanted in self.objects if wanted.kind is not DEPLOYMENT)
        return replace(self, objects=objects)


def make(observed: Observed, settings: Settings, now: datetime) -> Plan:
    """Plan a pass over a tenant."""
    tenant = observed.tenant
    admitted, withheld = allow.admit(tenant.spec, settings)
    if admitted is not tenant.spec:
        tenant = replace(tenant, spec=admitted)
    where = address(tenant, settings)
    subject = Subject(
        tenant=tenant,
        settings=settings,
        address=where,
        routed=where.host is not None and observed.rival is None,
        database_version=(
            observed.database["metadata"]["resourceVersion"] if observed.database else None
        ),
        claim=observed.children.get((CLAIM, names.volume_claim(tenant.key.name))),
    )
    decided = _plan_token(observed, now)
    token = None if isinstance(decided, faults.Fault) else decided
    access = _plan_access(observed, token, now)
    digests = _wanted(observed, _digests(observed, subject, token, access))
    objects: list[tuple[Kind, Object]] = []
    removals: list[tuple[Kind, Object]] = []
    for kind, name_of, build in BUILDERS:
        live = observed.children.get((kind, name_of(tenant.key.name)))
        if wanted := build(subject):
            objects.append((kind, wanted))
        elif live and kind is not CLAIM and not faults.foreign(kind, live, tenant):
            removals.append((kind, live))
    found = [
        fault
        for (kind, _), live in observed.children.items()
        if (fault := faults.foreign(kind, live, tenant))
    ]
    if fault := _unusable(tenant):
        found.append(fault)
        # Pods that have a usable configuration keep it, and no pod is made that cannot start.
        objects = [pair for pair in objects if pair[0] not in (CONFIG_MAP, DEPLOYMENT)]
    return Plan(
        subject=subject,
        token=token,
        token_fault=decided if isinstance(decided, faults.Fault) else None,
        weakness=tokens.weakness(token.stored.token)
        if token and token.stored.token and tenant.spec.token.existing_secret
        else None,
        access=access,
        secrets=_wanted(observed, _secrets(subject, token, access)) + digests,
        digests_without_access=_wanted(observed, _digests(observed, subject, token, None))
        if access and access.changes
        else digests,
        objects=_wanted(observed, objects),
        removals=tuple(removals),
        faults=tuple(found),
        withheld=withheld,
    )


def _unusable(tenant: Tenant) -> faults.Fault | None:
    """Return why the service could not start; it may be stopped whatever its configuration is."""
    problem = extensions.problem(tenant.spec.provisioning.schema_extensions)
    if problem is None or tenant.spec.suspended:
        return None
    return faults.Fault(
        CONFIG_MAP,
        "SchemaExtensionInvalid",
        f"{problem}: correct it; until then the pods stay as they are",
    )


def _wanted(observed: Observed, objects: Sequence[tuple[Kind, Object]]) -> tuple[Wanted, ...]:
    result = []
    for kind, wanted in objects:
        live = observed.children.get((kind, wanted["metadata"]["name"]))
        if live is None or not faults.foreign(kind, live, observed.tenant):
            result.append(Wanted(kind, drift.stamped(wanted), live))
    return tuple(result)


def _plan_token(observed: Observed, now: datetime) -> tokens.Plan | faults.Fault:
    tenant = observed.tenant
    spec = tenant.spec.token
    secret = observed.children.get((SECRET, names.token_secret(tenant.key.name)), observed.lost)
    digests = _live_digests(observed)
    wish = tokens.Wish(
        overlap=duration(spec.overlap),
        rotate_every=duration(spec.rotate_every) if spec.rotate_every else None,
        rotate=tenant.annotations.get(names.ROTATE_ANNOTATION),
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION),
    )
    accepted = tokens.load(secrets.read(digests, secrets.DIGESTS_FILE) or "")
    revoked = _annotation(digests, names.REVOKE_ANNOTATION)
    if spec.existing_secret is not None:
        token = _owner_token(observed, spec.existing_secret, accepted)
        if isinstance(token, faults.Fault):
            return token
        stored = tokens.Stored(token, accepted, wish.rotate, revoked)
        return tokens.accept(wish, stored, observed.uses(), now)
    stored = tokens.Stored(
        token=secrets.read(secret, secrets.TOKEN_KEY),
        accepted=accepted,
        rotated=_annotation(secret, names.ROTATE_ANNOTATION),
        # Without its digests a tenant has nothing to revoke.
        revoked=revoked if digests else wish.revoke,
    )
    return tokens.plan(wish, stored, observed.uses(), now)


def _owner_token(
    observed: Observed, name: str, accepted: Sequence[tokens.Accepted]
) -> str | faults.Fault:
    """Return the token in the owner's Secret, or why it cannot be used."""
    tenant = observed.tenant
    what = f"the Secret {name} of spec.token.existingSecret"
    if observed.existing and secrets.is_reserved(observed.existing, tenant.key.name):
        return faults.Fault(
            SECRET,
            "ForeignSecret",
            f"{what} is the operator's own or another tenant's: name one that you have made for "
            "this tenant",
        )
    token = secrets.read(observed.existing, secrets.TOKEN_KEY)
    if token is None:
        problem = f"has no key {secrets.TOKEN_KEY}" if observed.existing else "does not exist"
        return faults.Fault(
            SECRET,
            "SecretMissing",
            f"{what} {problem}: give it the key {secrets.TOKEN_KEY} with a token of at least 32 "
            "random characters",
        )
    if (weakness := tokens.weakness(token)) and not _is_accepted(tenant, token, accepted):
        return faults.Fault(
            SECRET,
            "TokenTooWeak",
            f"the token in {what} {weakness}: write one of at least 32 random characters there, "
            "such as openssl rand -hex 32 prints",
        )
    return token


def _is_accepted(tenant: Tenant, token: str, accepted: Sequence[tokens.Accepted]) -> bool:
    """Tell whether a weak token was accepted by an earlier version: refused, it locks Entra out."""
    condition = tenant.status.condition(conditions.TOKEN_READY)
    return (
        tokens.digest(token) in {entry.sha256 for entry in accepted}
        # Also when the digests have been lost since.
        or (condition is not None and condition.reason == conditions.WEAK_TOKEN)
    )


def _annotation(live: Object | None, key: str) -> str | None:
    annotations: dict[str, str] = (live or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(key)


def _plan_access(
    observed: Observed, token: tokens.Plan | None, now: datetime
) -> tokens.Plan | None:
    tenant = observed.tenant
    secret = observed.children.get((SECRET, names.access_secret(tenant.key.name)))
    digests = _live_digests(observed)
    if (token is None and digests is None) or (secret and faults.foreign(SECRET, secret, tenant)):
        return None
    accepted = tokens.load(secrets.read(digests, secrets.ACCESS_FILE) or "")
    credential = secrets.read(secret, secrets.ACCESS_KEY)
    known = {entry.sha256 for entry in accepted}
    if credential and known and tokens.digest(credential) not in known:
        # Not the operator's: whoever wrote it would read what the tenant's users do.
        credential = None
    spread = timedelta(minutes=zlib.crc32(tenant.uid.encode()) % _ACCESS_SPREAD_MINUTES)
    wish = tokens.Wish(
        overlap=_ACCESS_OVERLAP,
        rotate_every=_ACCESS_AGE + spread,
        # Carried out together: the digests' annotation tells of both.
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION) if token else None,
        waits_for_use=False,
        prefix=tokens.ACCESS_PREFIX,
    )
    stored = tokens.Stored(
        token=credential,
        # Deleting the Secret revokes: nobody but the operator sends what was in it.
        accepted=accepted if credential else (),
        revoked=_annotation(digests, names.REVOKE_ANNOTATION) if digests else wish.revoke,
    )
    return tokens.plan(wish, stored, tokens.NO_USES, now)


def _live_digests(observed: Observed) -> Object | None:
    return observed.children.get((SECRET, names.digest_secret(observed.tenant.key.name)))


def _secrets(
    subject: Subject, token: tokens.Plan | None, access: tokens.Plan | None
) -> tuple[tuple[Kind, Object], ...]:
    found = []
    if token and token.stored.token and subject.tenant.spec.token.existing_secret is None:
        found.append(secrets.build_token(subject, token.stored.token, token.stored.rotated))
    if access and access.stored.token:
        found.append(secrets.build_access(subject, access.stored.token))
    return tuple((SECRET, secret) for secret in found)


def _digests(
    observed: Observed, subject: Subject, token: tokens.Plan | None, access: tokens.Plan | None
) -> tuple[tuple[Kind, Object], ...]:
    live = _live_digests(observed)
    files = {}
    for file, plan in ((secrets.DIGESTS_FILE, token), (secrets.ACCESS_FILE, access)):
        text = tokens.dump(plan.stored.accepted) if plan else secrets.read(live, file)
        if text:
            files[file] = text
    if secrets.DIGESTS_FILE not in files:
        # A pod with no token to accept serves nobody: better it waits for its volume.
        return ()
    revoked = token.stored.revoked if token else _annotation(live, names.REVOKE_ANNOTATION)
    return ((SECRET, secrets.build_digests(subject, files, revoked)),)
