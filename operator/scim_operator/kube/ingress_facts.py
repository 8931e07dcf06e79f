"""Facts about an Ingress: its class, its address and its TLS Secret."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import NamedTuple

from scim_operator.kube import x509
from scim_operator.kube.kinds import Object

_CERTIFICATE, _KEY = "tls.crt", "tls.key"
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"


class TLSSecret(NamedTuple):
    """The Secret with the certificate of an Ingress.

    Attributes
    ----------
    problem
        Why it is unusable, as the end of a sentence about it; None if it is usable.
    not_after
        Expiry time of its certificate.
    """

    name: str
    problem: str | None = None
    not_after: datetime | None = None


class IngressFacts(NamedTuple):
    """Facts that were read beside the Ingress.

    Attributes
    ----------
    is_class_missing
        Whether the named class does not exist.
    tls
        The named Secret; None if there is none, or if it could not be read.
    """

    is_class_missing: bool = False
    tls: TLSSecret | None = None

    @property
    def has_problem(self) -> bool:
        """Whether a missing object must be read again soon."""
        return self.is_class_missing or (self.tls is not None and self.tls.problem is not None)


NOTHING_READ = IngressFacts()


def has_address(ingress: Object) -> bool:
    """Tell whether a controller has written an address."""
    return bool(ingress.get("status", {}).get("loadBalancer", {}).get("ingress"))


def read_class(ingress: Object) -> str | None:
    """Return the name of an Ingress's class; None if it names none."""
    annotations = ingress["metadata"].get("annotations") or {}
    found: str | None = ingress["spec"].get("ingressClassName") or annotations.get(
        _CLASS_ANNOTATION
    )
    return found


def read_tls_secret_name(ingress: Object) -> str | None:
    """Return the name of an Ingress's TLS Secret; None if it names none."""
    named = (entry.get("secretName") for entry in ingress["spec"].get("tls") or ())
    return next((name for name in named if name), None)


def read_tls_secret(name: str, secret: Object | None) -> TLSSecret:
    """Check a TLS Secret; its private key is only checked for presence."""
    if secret is None:
        return TLSSecret(name, "does not exist")
    data = secret.get("data") or {}
    for key in (_CERTIFICATE, _KEY):
        if not data.get(key):
            return TLSSecret(name, f"has no key {key}")
    try:
        return TLSSecret(name, not_after=x509.read_not_after(base64.b64decode(data[_CERTIFICATE])))
    except (ValueError, binascii.Error):
        return TLSSecret(name, f"has no certificate under its key {_CERTIFICATE}")
