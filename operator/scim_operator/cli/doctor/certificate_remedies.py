"""Remedies for a certificate that the plugin does not accept."""

from __future__ import annotations

_HOSTNAME_MISMATCH = 62
_EXPIRED = 10
_WEAK_KEY = 66
_NO_CHAIN = (18, 19, 20, 21)
"""``X509_V_ERR_...`` of a self-signed certificate, and of one with an unknown issuer."""


def find_remedy(host: str, code: int) -> str:
    """Return what to do about OpenSSL's error number (``X509_V_ERR_...``)."""
    known = {
        _HOSTNAME_MISMATCH: f"get a certificate that names {host}, and check that the ingress or "
        "gateway serves it for this host instead of its default one",
        _EXPIRED: "renew it, and find out why it was not renewed automatically (cert-manager)",
        _WEAK_KEY: "get a certificate with an RSA key of 2048 bits or an elliptic key of 256 bits",
    } | dict.fromkeys(
        _NO_CHAIN,
        "use a certificate of a public authority, and serve its intermediate certificates with it "
        "(tls.crt holds the whole chain): Entra accepts no private authority",
    )
    return known.get(code, "check which certificate the ingress or gateway serves on port 443")
