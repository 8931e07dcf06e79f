"""What to do about a certificate that is not accepted. Pure."""

from __future__ import annotations

_HOSTNAME_MISMATCH = 62
_EXPIRED = 10
_WEAK_KEY = 66
_NO_CHAIN = (18, 19, 20, 21)
"""``X509_V_ERR_...`` of a self-signed certificate, and of one whose issuer is not known."""


def remedy(host: str, code: int) -> str:
    """Say what to do, by OpenSSL's number of what is wrong (``X509_V_ERR_...``)."""
    known = {
        _HOSTNAME_MISMATCH: f"have one issued that names {host}, and see that the ingress or "
        "gateway serves it for this host and not its default one",
        _EXPIRED: "renew it, and see why that has not happened by itself (cert-manager)",
        _WEAK_KEY: "have one issued for an RSA key of 2048 bits or an elliptic one of 256",
    } | dict.fromkeys(
        _NO_CHAIN,
        "use one of a public authority and serve the intermediate certificates with it "
        "(tls.crt holds the whole chain): Entra accepts no private authority",
    )
    return known.get(code, "see what the ingress or gateway serves on port 443")
