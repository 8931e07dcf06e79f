"""Decides about the token of one tenant: one that the operator issues, or its owner's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from scim_operator.api import conditions, names
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.formats import parse_duration
from scim_operator.desired.faults import Fault
from scim_operator.desired.objects import secrets
from scim_operator.desired.observed import Observed
from scim_operator.desired.tokens import rotation, token_format
from scim_operator.desired.tokens.digests_file import AcceptedToken
from scim_operator.desired.tokens.rotation import Instructions, Stored, TokenPlan, Uses
from scim_operator.desired.tokens.trusted_secrets import Trusted
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import SECRET, Identity, Object


def plan_token(
    observed: Observed, trusted: Trusted, foreign: Mapping[Identity, Fault], now: datetime
) -> TokenPlan | Fault:
    """Decide about a tenant's token; return the fault if it cannot be decided now.

    Parameters
    ----------
    foreign
        The faults of objects with the tenant's names that are not the tenant's.
    """
    tenant = observed.tenant
    name = tenant.key.name
    digests = observed.children.get(secrets.identify_digests(name))
    instructions = _read_instructions(tenant)
    revoked = read_annotation(digests, names.REVOKE_ANNOTATION)
    uses = _collect_uses(observed)
    if fault := foreign.get(secrets.identify_digests(name)):
        return fault
    if (existing := tenant.spec.token.existing_secret) is not None:
        token = _read_owner_token(observed, existing, trusted.accepted)
        if isinstance(token, Fault):
            return token
        stored = Stored(token, trusted.accepted, instructions.rotate, revoked)
        return rotation.accept_current_token(instructions, stored, uses, now)
    identity = secrets.identify_token(name)
    if fault := foreign.get(identity):
        return fault
    secret = observed.children.get(identity, observed.deleted_token)
    stored = Stored(
        token=None if _has_ended(tenant, trusted) else trusted.token,
        accepted=trusted.accepted,
        rotated=read_annotation(secret, names.ROTATE_ANNOTATION),
        # A tenant without digests has nothing to revoke.
        revoked=revoked if digests else instructions.revoke,
    )
    return rotation.plan_issued_token(instructions, stored, uses, now)


def read_annotation(live: Object | None, key: str) -> str | None:
    """Return an annotation of an object; None if either is missing."""
    annotations: dict[str, str] = (live or {}).get("metadata", {}).get("annotations") or {}
    return annotations.get(key)


def _read_instructions(tenant: Tenant) -> Instructions:
    spec = tenant.spec.token
    rotate = tenant.annotations.get(names.ROTATE_ANNOTATION)
    return Instructions(
        overlap=parse_duration(spec.overlap),
        rotate_every=parse_duration(spec.rotate_every) if spec.rotate_every else None,
        rotate=rotate,
        is_forced=rotate is not None and rotate.startswith(names.FORCE),
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION),
    )


def _collect_uses(observed: Observed) -> Uses:
    """Collect the proofs that tokens are in use; a claim of a pod without a proof is none."""
    confirmed = (token.id for token in observed.tenant.status.tokens if token.confirmed_at)
    return Uses(
        proofs=observed.service_status.proofs if observed.service_status else {},
        confirmed=frozenset(confirmed),
    )


def _has_ended(tenant: Tenant, trusted: Trusted) -> bool:
    """Tell whether ``existingSecret`` has replaced the operator's token, so that it is refused.

    The token's Secret still exists, and a token that was revoked meanwhile must not be accepted
    again because of it.
    """
    if tenant.status.token_secret_name in (None, names.token_secret(tenant.key.name)):
        return False
    accepted = {entry.sha256 for entry in trusted.accepted}
    return trusted.token is not None and token_format.hash_token(trusted.token) not in accepted


def _read_owner_token(
    observed: Observed, name: str, accepted: Sequence[AcceptedToken]
) -> str | Fault:
    """Return the token in the owner's Secret, or the reason why it cannot be used."""
    tenant = observed.tenant
    secret = observed.existing_secret
    what = f"the Secret {name} of spec.token.existingSecret"
    if secret and secret_data.is_reserved(secret, tenant.key.name):
        return Fault(
            SECRET,
            "ForeignSecret",
            f"{what} is the operator's own or another tenant's: name one that you have created for "
            "this tenant",
        )
    token = secret_data.read(secret, secret_data.TOKEN_KEY)
    if token is None:
        problem = f"has no key {secret_data.TOKEN_KEY}" if secret else "does not exist"
        return Fault(
            SECRET,
            "SecretMissing",
            f"{what} {problem}: give it the key {secret_data.TOKEN_KEY} with a token of at least "
            "32 random characters",
        )
    weakness = token_format.find_weakness(token)
    if weakness and not _was_accepted(tenant, token, accepted):
        return Fault(
            SECRET,
            "TokenTooWeak",
            f"the token in {what} {weakness}: write one of at least 32 random characters there, "
            "such as openssl rand -hex 32 prints",
        )
    return token


def _was_accepted(tenant: Tenant, token: str, accepted: Sequence[AcceptedToken]) -> bool:
    """Tell whether an earlier version accepted a weak token: refusing it would lock Entra out."""
    condition = tenant.status.condition(conditions.TOKEN_READY)
    return (
        token_format.hash_token(token) in {entry.sha256 for entry in accepted}
        # The digests may have been lost since.
        or (condition is not None and condition.reason == conditions.WEAK_TOKEN)
    )
