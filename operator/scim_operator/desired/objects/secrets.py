"""The Secrets of a tenant: Entra's token, the credential of the management port, the digests."""

from __future__ import annotations

import base64

from scim_operator.api import names
from scim_operator.desired.objects.context import ObjectContext, build_head
from scim_operator.kube.kinds import SECRET, Identity, Object
from scim_operator.kube.secret_data import ACCESS_KEY, TOKEN_KEY, URL_KEY


def identify_token(tenant: str) -> Identity:
    """Return kind and name of the Secret with the token."""
    return SECRET, names.token_secret(tenant)


def identify_access(tenant: str) -> Identity:
    """Return kind and name of the Secret with the credential of the management port."""
    return SECRET, names.access_secret(tenant)


def identify_digests(tenant: str) -> Identity:
    """Return kind and name of the Secret with the digests of both."""
    return SECRET, names.digest_secret(tenant)


def build_token(context: ObjectContext, token: str, rotated: str | None) -> Object:
    """Build the Secret with the two fields of Entra's Provisioning page."""
    return _build(
        context,
        names.token_secret(context.tenant.key.name),
        {TOKEN_KEY: token, URL_KEY: context.url or ""},
        {names.ROTATE_ANNOTATION: rotated},
        owned=not context.keeps_data,
    )


def build_access(context: ObjectContext, token: str) -> Object:
    """Build the Secret with the credential of the management port.

    It is always deleted with the tenant: a later tenant of the same name gets another credential.
    """
    name = names.access_secret(context.tenant.key.name)
    return _build(context, name, {ACCESS_KEY: token}, {}, owned=True)


def build_digests(context: ObjectContext, files: dict[str, str], revoked: str | None) -> Object:
    """Build the Secret that the pod mounts."""
    return _build(
        context,
        names.digest_secret(context.tenant.key.name),
        files,
        {names.REVOKE_ANNOTATION: revoked},
        owned=not context.keeps_data,
    )


def _build(
    context: ObjectContext,
    name: str,
    data: dict[str, str],
    annotations: dict[str, str | None],
    *,
    owned: bool,
) -> Object:
    present = {key: value for key, value in annotations.items() if value is not None}
    return {
        **build_head(SECRET),
        "metadata": context.build_metadata(name, owned=owned, annotations=present),
        "type": "Opaque",
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in data.items()},
    }
