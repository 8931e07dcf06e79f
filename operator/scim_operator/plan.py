"""From what was observed to what is wanted: objects, removals, tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scim_operator import drift, faults, names, tokens
from scim_operator.children import BUILDERS, secrets
from scim_operator.children.subject import Object, Subject
from scim_operator.crd import duration
from scim_operator.kinds import CLAIM, SECRET, Kind
from scim_operator.report import Report
from scim_operator.settings import Settings
from scim_operator.tenant import Key, Tenant, address


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
    report, unreachable
        The last reading of the service's counts, and whether the latest attempts failed.
    image, previous_image
        Image that the tenant's pods are to run, and the one that it was moved from.
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
    unreachable: bool = False
    image: str = ""
    previous_image: str | None = None

    def last_used(self) -> dict[str, datetime]:
        """When each token was used last, from the latest reading and from status before it."""
        known = {
            token.id: token.last_used for token in self.tenant.status.tokens if token.last_used
        }
        return known | (self.report.last_used if self.report else {})


@dataclass(frozen=True, slots=True)
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

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to write."""
        return self.live is not None and drift.is_current(self.object, self.live)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass does.

    Attributes
    ----------
    token
        The decision about tokens; None while ``existingSecret`` cannot be used.
    secrets
        Written one after the other before everything else: the token, then the digests. A pass
        that is cut off between them leaves a token that the next one accepts.
    objects
        Everything else, in the order of the builders.
    removals
        Objects of the tenant that it wants no longer.
    faults
        Objects that are somebody else's and are left alone.
    """

    subject: Subject
    token: tokens.Plan | None
    secrets: tuple[Wanted, ...]
    objects: tuple[Wanted, ...]
    removals: tuple[tuple[Kind, Object], ...]
    faults: tuple[faults.Fault, ...]

    @property
    def has_gaps(self) -> bool:
        """Whether there is an object of it that is not there."""
        return any(wanted.live is None for wanted in (*self.secrets, *self.objects))


def make(observed: Observed, settings: Settings, now: datetime) -> Plan:
    """Plan a pass over a tenant."""
    tenant = observed.tenant
    where = address(tenant, settings)
    subject = Subject(
        tenant=tenant,
        settings=settings,
        address=where,
        routed=where.host is not None and observed.rival is None,
        image=observed.image,
        previous_image=observed.previous_image,
        database_version=(
            observed.database["metadata"]["resourceVersion"] if observed.database else None
        ),
        claim=observed.children.get((CLAIM, names.volume_claim(tenant.key.name))),
    )
    token = _plan_token(observed, now)
    wanted_secrets = _secrets(subject, token) if token else ()
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
    return Plan(
        subject=subject,
        token=token,
        secrets=_wanted(observed, [(SECRET, secret) for secret in wanted_secrets]),
        objects=_wanted(observed, objects),
        removals=tuple(removals),
        faults=tuple(found),
    )


def _wanted(observed: Observed, objects: Sequence[tuple[Kind, Object]]) -> tuple[Wanted, ...]:
    result = []
    for kind, wanted in objects:
        live = observed.children.get((kind, wanted["metadata"]["name"]))
        if live is None or not faults.foreign(kind, live, observed.tenant):
            result.append(Wanted(kind, drift.stamped(wanted), live))
    return tuple(result)


def _plan_token(observed: Observed, now: datetime) -> tokens.Plan | None:
    tenant = observed.tenant
    spec = tenant.spec.token
    secret = observed.children.get((SECRET, names.token_secret(tenant.key.name)), observed.lost)
    digests = observed.children.get((SECRET, names.digest_secret(tenant.key.name)))
    wish = tokens.Wish(
        overlap=duration(spec.overlap),
        rotate_every=duration(spec.rotate_every) if spec.rotate_every else None,
        rotate=tenant.annotations.get(names.ROTATE_ANNOTATION),
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION),
    )
    accepted = tokens.load(secrets.read(digests, secrets.DIGESTS_FILE) or "")
    revoked = _annotation(digests, names.REVOKE_ANNOTATION)
    if spec.existing_secret is not None:
        token = secrets.read(observed.existing, secrets.TOKEN_KEY)
        if token is None or len(token) < tokens.MIN_LENGTH:
            return None
        stored = tokens.Stored(token, accepted, wish.rotate, revoked)
        return tokens.accept(wish, stored, observed.last_used(), now)
    stored = tokens.Stored(
        token=secrets.read(secret, secrets.TOKEN_KEY),
        accepted=accepted,
        rotated=_annotation(secret, names.ROTATE_ANNOTATION),
        # Without its digests a tenant has nothing to revoke.
        revoked=revoked if digests else wish.revoke,
    )
    return tokens.plan(wish, stored, observed.last_used(), now)


def _annotation(live: Object | None, key: str) -> str | None:
    annotations: dict[str, str] = (live or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(key)


def _secrets(subject: Subject, token: tokens.Plan) -> tuple[Object, ...]:
    stored = token.stored
    digests = secrets.build_digests(subject, stored.accepted, stored.revoked)
    if subject.tenant.spec.token.existing_secret is not None:
        return (digests,)
    return (secrets.build_token(subject, stored), digests)
