"""Seals, which prove that the operator itself wrote an object with its present content.

Labels, names and owner references prove nothing, because any client that may create an object
chooses them. A seal is a MAC with a key that only the operator has. It covers the object's kind,
namespace, name and tenant, so that it is valid for no other object, and the tokens and digests in a
Secret, so that it is valid for no other content.
"""

from __future__ import annotations

import hmac

from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.kube.kinds import SECRET, VOLUME_CLAIM, Kind, Object
from scim_operator.kube.secret_data import ACCESS_FILE, ACCESS_KEY, DIGESTS_FILE, TOKEN_KEY

KEY_BYTES = 32

SEALED = (SECRET, VOLUME_CLAIM)
"""Kinds whose objects may outlive their tenant or give access to it."""

_DIGITS = 32
"""128 bits in hexadecimal: enough, because every guess is a write to the API server."""

_SHORT = 16
"""64 bits, where a correct guess only prevents the repair of a field."""

_CONTENT = (TOKEN_KEY, ACCESS_KEY, DIGESTS_FILE, ACCESS_FILE)


class Seals:
    """Creates and checks seals with the operator's key.

    Attributes
    ----------
    id
        Identifies the key without disclosing it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = self._compute_mac("key")[:8]

    def add_seal(self, kind: Kind, key: Key, desired: Object) -> Object:
        """Return a copy of an object of a tenant with its seal."""
        metadata = desired["metadata"]
        seal = {names.SEAL_ANNOTATION: self._seal_object(kind, key, desired)}
        annotations = metadata.get("annotations", {}) | seal
        return desired | {"metadata": metadata | {"annotations": annotations}}

    def is_sealed(self, kind: Kind, key: Key, live: Object) -> bool:
        """Tell whether an object carries the seal of its present content."""
        seal = read_seal(live) or ""
        return hmac.compare_digest(seal.encode(), self._seal_object(kind, key, live).encode())

    def seal_token(self, key: Key, token_id: str, sha256: str) -> str:
        """Return the seal of one accepted digest, for the tenant's status.

        A reader of the status cannot test a guess of the token without the operator's key.
        """
        return self._compute_mac("token", *key, token_id, sha256)

    def seal_admission(self, key: Key, name: str, changes: str) -> str:
        """Return the seal of accepted changes to an object, for the tenant's status."""
        return self._compute_mac("admission", *key, name, changes)[:_SHORT]

    def _seal_object(self, kind: Kind, key: Key, body: Object) -> str:
        data = body.get("data") or {}
        content = [text for name in _CONTENT if name in data for text in (name, data[name])]
        return self._compute_mac("object", kind.name, *key, body["metadata"]["name"], *content)

    def _compute_mac(self, *parts: str) -> str:
        # Names, base64 and ids contain no NUL, so different lists give different texts.
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256").hex()[:_DIGITS]


def read_seal(body: Object) -> str | None:
    """Return the seal that an object carries, valid or not."""
    annotations: dict[str, str] = body["metadata"].get("annotations") or {}
    return annotations.get(names.SEAL_ANNOTATION)
