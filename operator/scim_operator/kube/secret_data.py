"""What the Secrets of a tenant hold, and how it is read. Pure."""

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
    """Return one value of a Secret; None if it is not there or is no text."""
    value = ((secret or {}).get("data") or {}).get(key)
    if value is None:
        return None
    try:
        return base64.b64decode(value).decode().strip() or None
    except ValueError:
        return None


def is_reserved(secret: Object, tenant: str) -> bool:
    """Tell whether a Secret is the operator's or another tenant's, and so no owner's own.

    Who may create tenants but not read Secrets would have another tenant's token sent to a host of
    their choice otherwise.
    """
    metadata = secret["metadata"]
    labels = metadata.get("labels") or {}
    return (
        labels.get(names.TENANT_LABEL, tenant) != tenant
        or labels.get(names.MANAGED_BY_LABEL) == names.MANAGER
        or any(owner["kind"] == names.KIND for owner in metadata.get("ownerReferences") or ())
    )
