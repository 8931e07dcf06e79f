"""Reads from a tenant's Secrets what the operator has written, and rejects what others have.

The operator trusts all of a Secret whose seal holds. In a Secret that is recorded but does not
carry the seal of its content, only entries that the tenant's status confirms count. Status confirms
an accepted digest by a seal of its own and, while the present key has sealed nothing yet, by its
id: losing the key, or upgrading from a version without keys, must not lock Entra out.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import NamedTuple

from scim_operator.api.tenant import Tenant
from scim_operator.desired.objects import secrets
from scim_operator.desired.observed import Observed
from scim_operator.desired.ownership.classification import Ownership, classify
from scim_operator.desired.ownership.seals import Seals
from scim_operator.desired.tokens import digests_file, token_format
from scim_operator.desired.tokens.digests_file import AcceptedToken
from scim_operator.kube import secret_data
from scim_operator.kube.kinds import SECRET, Object

_WHOLE = (Ownership.SEALED, Ownership.ADOPTED)


class Rejected(Enum):
    """What another client has written; the value is the reason of an event."""

    TOKEN = "ForeignToken"  # noqa: S105 (the reason of an event)
    DIGEST = "ForeignDigestRemoved"


class Trusted(NamedTuple):
    """The contents of a tenant's Secrets that count.

    Attributes
    ----------
    token, credential
        The current token, and the management port's credential; None if there is none.
    accepted, access
        The entries of ``tokens.json`` and of ``access.json``, newest last.
    rejected
        Contents that do not count.
    """

    token: str | None = None
    accepted: tuple[AcceptedToken, ...] = ()
    credential: str | None = None
    access: tuple[AcceptedToken, ...] = ()
    rejected: tuple[Rejected, ...] = ()


def read(observed: Observed) -> Trusted:
    """Read the Secrets that the operator writes; the Secret of ``existingSecret`` is none."""
    tenant, seals, children = observed.tenant, observed.seals, observed.children
    name = tenant.key.name
    token = children.get(secrets.identify_token(name), observed.deleted_token)
    access = children.get(secrets.identify_access(name))
    digests = children.get(secrets.identify_digests(name))
    accepted, credentials = _read_digests(tenant, seals, digests)
    current = _read_value(tenant, seals, token, secret_data.TOKEN_KEY, accepted)
    credential = _read_value(tenant, seals, access, secret_data.ACCESS_KEY, credentials)
    stored = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
    rejected = []
    if current is None and secret_data.read(token, secret_data.TOKEN_KEY):
        rejected.append(Rejected.TOKEN)
    if len(accepted) < len(stored):
        rejected.append(Rejected.DIGEST)
    return Trusted(current, accepted, credential, credentials, tuple(rejected))


def _read_digests(
    tenant: Tenant, seals: Seals, digests: Object | None
) -> tuple[tuple[AcceptedToken, ...], tuple[AcceptedToken, ...]]:
    if digests is None:
        return (), ()
    stored = digests_file.load(secret_data.read(digests, secret_data.DIGESTS_FILE) or "")
    credentials = digests_file.load(secret_data.read(digests, secret_data.ACCESS_FILE) or "")
    ownership = classify(SECRET, digests, tenant, seals)
    if ownership in _WHOLE:
        return stored, credentials
    listed = {known.id: known for known in tenant.status.tokens}
    stored = tuple(
        # An editor can change the times of an entry as easily as the entry.
        replace(entry, created_at=known.created_at, not_after=known.not_after)
        for entry in stored
        if (known := listed.get(entry.id))
        and (
            ownership is Ownership.GRANDFATHERED
            or known.seal == seals.seal_token(tenant.key, entry.id, entry.sha256)
        )
    )
    return stored, credentials if ownership is Ownership.GRANDFATHERED else ()


def _read_value(
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
