"""What an Ingress needs beside itself: its class and its TLS Secret. Pure."""

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
        Why it is of no use, as the end of a sentence about it; None if it is of use.
    not_after
        When its certificate expires.
    """

    name: str
    problem: str | None = None
    not_after: datetime | None = None


class IngressFacts(NamedTuple):
    """What was read beside the Ingress itself.

    Attributes
    ----------
    is_class_missing
        Whether the class that it names does not exist.
    tls
        None if it names no Secret, or the Secret could not be read.
    """

    is_class_missing: bool = False
    tls: TLSSecret | None = None

    @property
    def has_problem(self) -> bool:
        """Whether something is to be read again soon."""
        return self.is_class_missing or (self.tls is not None and self.tls.problem is not None)


NOTHING_READ = IngressFacts()


def has_address(ingress: Object) -> bool:
    """Tell whether a controller has said where the Ingress is reached."""
    return bool(ingress.get("status", {}).get("loadBalancer", {}).get("ingress"))


def read_class(ingress: Object) -> str | None:
    """Return the class of an Ingress; None if it has none."""
    annotations = ingress["metadata"].get("annotations") or {}
    found: str | None = ingress["spec"].get("ingressClassName") or annotations.get(
        _CLASS_ANNOTATION
    )
    return found


def read_tls_secret_name(ingress: Object) -> str | None:
    """Return the name of the TLS Secret that an Ingress names; None if it names none."""
    named = (entry.get("secretName") for entry in ingress["spec"].get("tls") or ())
    return next((name for name in named if name), None)


def read_tls_secret(name: str, secret: Object | None) -> TLSSecret:
    """Read a TLS Secret; of its private key only the presence is looked at."""
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
