"""The keys of a tenant's Secrets, and how to read their values."""

from __future__ import annotations

import base64

from scim_operator.api import names
from scim_operator.kube.kinds import Object

DIGESTS_FILE = "tokens.json"
ACCESS_FILE = "access.json"
TOKEN_KEY = "secretToken"  # noqa: S105 (the name of a key)
URL_KEY = "tenantUrl"
ACCESS_KEY = "token"


def read(secret: Object | None, key: str) -> str | None:
    """Return one value of a Secret; None if it is missing or not text."""
    value = ((secret or {}).get("data") or {}).get(key)
    if value is None:
        return None
    try:
        return base64.b64decode(value).decode().strip() or None
    except ValueError:
        return None


def is_reserved(secret: Object, tenant: str) -> bool:
    """Tell whether a Secret belongs to the operator or to another tenant.

    A spec must not name such a Secret: a user who may create tenants, but not read Secrets, could
    otherwise send another tenant's token to a host of their choice.
    """
    metadata = secret["metadata"]
    labels = metadata.get("labels") or {}
    return (
        labels.get(names.TENANT_LABEL, tenant) != tenant
        or labels.get(names.MANAGED_BY_LABEL) == names.MANAGER
        or any(owner["kind"] == names.KIND for owner in metadata.get("ownerReferences") or ())
    )
