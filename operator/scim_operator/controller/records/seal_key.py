"""The operator's key: 32 random bytes in a Secret of its own namespace, made when there is none.

It belongs to no Helm release and to no object, so that it outlives an uninstall as what it seals
does.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from scim_operator.api import names
from scim_operator.desired.ownership.seals import KEY_BYTES
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import SECRET, Object
from scim_operator.settings import Settings

_FIELD = "key"


class UnusableKeyError(Exception):
    """The Secret with the key has none."""


async def load(kube: KubeClient, settings: Settings) -> bytes:
    """Read the key; make it if there is none, which of several operators only the first does.

    Raises
    ------
    UnusableKeyError
        The Secret is there and is not one that an operator has made.
    ApiError, aiohttp.ClientError, TimeoutError, OSError
        It can be neither read nor made now.
    """
    namespace, name = settings.namespace, settings.key_secret
    live = await kube.get(SECRET, namespace, name)
    if live is None:
        try:
            live = await kube.create(SECRET, _build(namespace, name))
        except ApiError as refusal:
            if refusal.code != 409:
                raise
            live = await kube.get(SECRET, namespace, name)
    return _read(live, f"{namespace}/{name}")


def _build(namespace: str, name: str) -> Object:
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.name,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": names.MANAGER},
        },
        "type": "Opaque",
        "immutable": True,
        "data": {_FIELD: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()},
    }


def _read(live: Object | None, where: str) -> bytes:
    try:
        key = base64.b64decode(((live or {}).get("data") or {}).get(_FIELD, ""))
    except binascii.Error:
        key = b""
    if len(key) < KEY_BYTES:
        raise UnusableKeyError(
            f"the Secret {where} has no key of {KEY_BYTES} bytes: restore it from a backup, or "
            "delete it to have another made"
        )
    return key
