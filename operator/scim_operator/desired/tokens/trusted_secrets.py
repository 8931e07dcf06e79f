"""What in a tenant's own Secrets is the operator's work, and what an editor has put there. Pure.

A Secret whose seal holds is believed whole. In one that is recorded but does not carry the seal of
its content, only what status vouches for counts. Status vouches for each accepted digest by a seal
of its own and, while the present key has sealed nothing yet, by its id: losing the key, or
upgrading from a version that had none, must not lock Entra out.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from scim_operator.api.tenant import Tenant
from scim_operator.desired.ownership.classification import Ownership, classify
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.tokens import digests_file, token_format
from scim_operator.desired.tokens.digests_file import AcceptedToken
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import SECRET, Object

_WHOLE = (Ownership.SEALED, Ownership.ADOPTED)


class Rejected(Enum):
    """What was not the operator's, for events; the value is the event's reason."""

    TOKEN = "ForeignToken"  # noqa: S105 (the reason of an event)
    DIGEST = "ForeignDigestRemoved"


class Trusted(NamedTuple):
    """What counts of the Secrets of a tenant.

    Attributes
    ----------
    token, credential
        The current token, and the management port's credential; None if there is none.
    accepted, access
        The entries of ``tokens.json`` and of ``access.json``, newest last.
    rejected
        What is there and does not count.
    """

    token: str | None = None
    accepted: tuple[AcceptedToken, ...] = ()
    credential: str | None = None
    access: tuple[AcceptedToken, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def read(
    tenant: Tenant,
    seals: Seals,
    *,
    token: Object | None,
    access: Object | None,
    digests: Object | None,
) -> Trusted:
    """Read a tenant's own Secrets; None for each that is not there.

    Parameters
    ----------
    token
        That of the operator's own making: the Secret of ``existingSecret`` is its owner's matter.
    """
    accepted, entered = _entries(tenant, seals, digests)
    found = _value(tenant, seals, token, secret_data.TOKEN_KEY, accepted)
    credential = _value(tenant, seals, access, secret_data.ACCESS_KEY, entered)
    stored = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
    rejected = []
    if found is None and secret_data.read(token, secret_data.TOKEN_KEY):
        rejected.append(Rejected.TOKEN)
    if len(accepted) < len(stored):
        rejected.append(Rejected.DIGEST)
    return Trusted(found, accepted, credential, entered, tuple(rejected))


def _entries(
    tenant: Tenant, seals: Seals, digests: Object | None
) -> tuple[tuple[AcceptedToken, ...], tuple[AcceptedToken, ...]]:
    if digests is None:
        return (), ()
    stored = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
    entered = digests_file.load(secret_data.read(digests, secret_data.ACCESS_FILE) or "")
    standing = classify(SECRET, digests, tenant, seals)
    if standing in _WHOLE:
        return stored, entered
    listed = {known.id: known for known in tenant.status.tokens}
    stored = tuple(
        # Its times are as easily edited as itself.
        replace(entry, created_at=known.created_at, not_after=known.not_after)
        for entry in stored
        if (known := listed.get(entry.id))
        and (
            standing is Ownership.GRANDFATHERED or known.seal == seals.seal_token(tenant.key, entry)
        )
    )
    return stored, entered if standing is Ownership.GRANDFATHERED else ()


def _value(
    tenant: Tenant,
    seals: Seals,
    secret: Object | None,
    key: str,
    accepted: tuple[AcceptedToken, ...],
) -> str | None:
    value = secret_data.read(secret, key)
    if value is None or secret is None:
        return None
    if classify(SECRET, secret, tenant, seals) in _WHOLE:
        return value
    is_known = token_format.hash_token(value) in {entry.sha256 for entry in accepted}
    return value if is_known else None
