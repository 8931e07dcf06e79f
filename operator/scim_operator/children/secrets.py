"""The two Secrets of a tenant's tokens: one to paste into Entra, one for the service to check."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from scim_operator import names, tokens
from scim_operator.children.subject import Object, Subject, head
from scim_operator.kinds import SECRET

DIGESTS_FILE = "tokens.json"
TOKEN_KEY = "secretToken"  # noqa: S105 (the name of a key)
URL_KEY = "tenantUrl"


def read(secret: Object | None, key: str) -> str | None:
    """Return one value of a Secret; None if it is not there or is no text."""
    value = ((secret or {}).get("data") or {}).get(key)
    if value is None:
        return None
    try:
        return base64.b64decode(value).decode().strip() or None
    except ValueError:
        return None


def build_token(subject: Subject, stored: tokens.Stored) -> Object:
    """Build the Secret with the two fields of Entra's Provisioning page."""
    assert stored.token is not None
    data = {TOKEN_KEY: stored.token, URL_KEY: subject.address.url or ""}
    return _build(
        subject,
        names.token_secret(subject.tenant.key.name),
        data,
        {names.ROTATE_ANNOTATION: stored.rotated},
    )


def build_digests(
    subject: Subject, accepted: Sequence[tokens.Accepted], revoked: str | None
) -> Object:
    """Build the Secret that is mounted into the pod."""
    return _build(
        subject,
        names.digest_secret(subject.tenant.key.name),
        {DIGESTS_FILE: tokens.dump(accepted)},
        {names.REVOKE_ANNOTATION: revoked},
    )


def _build(
    subject: Subject, name: str, data: dict[str, str], annotations: dict[str, str | None]
) -> Object:
    done = {key: value for key, value in annotations.items() if value is not None}
    return {
        **head(SECRET),
        "metadata": subject.metadata(name, owned=not subject.keeps_data, annotations=done),
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
