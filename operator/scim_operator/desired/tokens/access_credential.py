"""Decides about the credential by which the operator reads a tenant's management port."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta

from scim_operator.api import names
from scim_operator.desired.objects import secrets
from scim_operator.desired.observed import Observed
from scim_operator.desired.tokens import rotation, token_format
from scim_operator.desired.tokens.rotation import NO_USES, Instructions, Stored, TokenPlan
from scim_operator.desired.tokens.tenant_token import read_annotation
from scim_operator.desired.tokens.trusted_secrets import Trusted

_OVERLAP = timedelta(hours=1)
"""How long the management port accepts the previous credential: until the kubelet has copied the
new digests to every pod, which takes minutes."""

_AGE = timedelta(days=25)
_SPREAD_MINUTES = 10 * 24 * 60
"""Tenants that got their credentials at the same time must not rotate them at the same time."""


def plan_access(
    observed: Observed, trusted: Trusted, token: TokenPlan | None, now: datetime
) -> TokenPlan | None:
    """Decide about the credential; return None while it cannot be changed.

    Parameters
    ----------
    token
        The decision about the tenant's token; None if there is none.
    """
    tenant = observed.tenant
    identity = secrets.identify_digests(tenant.key.name)
    digests = observed.children.get(identity)
    needed = {secrets.identify_access(tenant.key.name), identity}
    if (token is None and digests is None) or needed & observed.foreign.keys():
        return None
    credential = trusted.credential
    known = {entry.sha256 for entry in trusted.access}
    if credential and known and token_format.hash_token(credential) not in known:
        # Another client wrote it, and could read the activity of the tenant's users with it.
        credential = None
    spread = timedelta(minutes=zlib.crc32(tenant.uid.encode()) % _SPREAD_MINUTES)
    instructions = Instructions(
        overlap=_OVERLAP,
        rotate_every=_AGE + spread,
        # Both are revoked together: one annotation of the digests records it for both.
        revoke=tenant.annotations.get(names.REVOKE_ANNOTATION) if token else None,
        waits_for_use=False,
        prefix=token_format.ACCESS_PREFIX,
    )
    revoked = read_annotation(digests, names.REVOKE_ANNOTATION)
    stored = Stored(
        token=credential,
        # Deleting the Secret revokes: only the operator sends the credential.
        accepted=trusted.access if credential else (),
        revoked=revoked if digests else instructions.revoke,
    )
    return rotation.plan_issued_token(instructions, stored, NO_USES, now)
