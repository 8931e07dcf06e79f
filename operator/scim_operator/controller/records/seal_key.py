"""Loads the operator's key: 32 random bytes in a Secret of the operator's own namespace.

No Helm release and no object owns the Secret, so that it survives an uninstall, as the sealed
objects do.
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
    """The Secret exists, but holds no usable key."""


async def load(kube: KubeClient, settings: Settings) -> bytes:
    """Read the key; create it if there is none. Of several operators only one can create it.

    Raises
    ------
    UnusableKeyError
        The Secret exists and was not created by an operator.
    ApiError, aiohttp.ClientError, TimeoutError, OSError
        It can be neither read nor created now.
    """
    namespace, name = settings.namespace, settings.key_secret
    live = await kube.get(SECRET, namespace, name)
    if live is None:
        try:
            live = await kube.create(SECRET, _build_secret(namespace, name))
        except ApiError as error:
            if error.code != 409:
                raise
            live = await kube.get(SECRET, namespace, name)
    return _read_key(live, f"{namespace}/{name}")


def _build_secret(namespace: str, name: str) -> Object:
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


def _read_key(live: Object | None, where: str) -> bytes:
    try:
        key = base64.b64decode(((live or {}).get("data") or {}).get(_FIELD, ""))
    except binascii.Error:
        key = b""
    if len(key) < KEY_BYTES:
        raise UnusableKeyError(
            f"the Secret {where} has no key of {KEY_BYTES} bytes: restore it from a backup, or "
            "delete it, and the operator creates another"
        )
    return key
