"""Seals: what shows that the operator itself has made an object, and with which content. Pure.

Labels, names and owner references show nothing, because whoever may create an object chooses
them. A seal is a MAC with a key that only the operator has. It is over the object's kind,
namespace, name and tenant, so that it holds for no other object, and over what a Secret accepts or
discloses, so that it holds for no other content.
"""

from __future__ import annotations

import hmac

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Kind, Object
from scim_operator.kube.secret_data import ACCESS_FILE, ACCESS_KEY, DIGESTS_FILE, TOKEN_KEY

KEY_BYTES = 32

SEALED = (SECRET, VOLUME_CLAIM)
"""Kinds that may outlive their tenant, or whose content lets somebody in."""

_DIGITS = 32
"""128 bits, in hexadecimal: enough where every guess is a write to the API server."""

_SHORT = 16
"""64 bits, where a guess that is right only keeps a difference."""

_CONTENT = (TOKEN_KEY, ACCESS_KEY, DIGESTS_FILE, ACCESS_FILE)


class Seals:
    """The operator's key, and the seals that are made with it.

    Attributes
    ----------
    id
        Tells one key from another without disclosing it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = self._mac("key")[:8]

    def add_seal(self, kind: Kind, key: Key, wanted: Object) -> Object:
        """Return a copy of an object of a tenant with its seal."""
        metadata = wanted["metadata"]
        seal = {names.SEAL_ANNOTATION: self._of(kind, key, wanted)}
        annotations = metadata.get("annotations", {}) | seal
        return wanted | {"metadata": metadata | {"annotations": annotations}}

    def is_sealed(self, kind: Kind, key: Key, live: Object) -> bool:
        """Tell whether an object carries the seal of what it is now."""
        seal = read_seal(live) or ""
        return hmac.compare_digest(seal.encode(), self._of(kind, key, live).encode())

    def seal_token(self, key: Key, token_id: str, sha256: str) -> str:
        """Return the seal of one accepted digest, for the tenant's status.

        Whoever reads it can test no guess of the token, without the operator's key.
        """
        return self._mac("token", *key, token_id, sha256)

    def seal_admission(self, key: Key, name: str, what: str) -> str:
        """Return the seal of what admission has made of an object, for the tenant's status."""
        return self._mac("admission", *key, name, what)[:_SHORT]

    def _of(self, kind: Kind, key: Key, body: Object) -> str:
        data = body.get("data") or {}
        content = [text for name in _CONTENT if name in data for text in (name, data[name])]
        return self._mac("object", kind.name, *key, body["metadata"]["name"], *content)

    def _mac(self, *what: str) -> str:
        # Names, base64 and the ids that status lists have no NUL, so no two lists are one text.
        return hmac.digest(self._key, "\0".join(what).encode(), "sha256").hex()[:_DIGITS]


def read_seal(body: Object) -> str | None:
    """Return the seal that an object carries, whether it holds or not."""
    annotations: dict[str, str] = body["metadata"].get("annotations") or {}
    return annotations.get(names.SEAL_ANNOTATION)
