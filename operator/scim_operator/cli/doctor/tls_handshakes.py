"""Two TLS handshakes with a host, which show whether Entra can connect to it.

Entra's requirements are in "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra
ID", section "TLS protocol versions and cipher suites".
"""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

from scim_operator.cli.cluster.tenant_client import CONNECT_TIMEOUT_SECONDS, create_trusting_context
from scim_operator.cli.doctor.facts import Handshakes

SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-RSA-AES256-SHA384",
)
"""The cipher suites that Entra offers, by OpenSSL's names, in its order."""


def shake_hands(host: str, port: int = 443, *, roots: str | None = None) -> Handshakes:
    """Do a handshake with Entra's cipher suites, and one that verifies the certificate.

    Parameters
    ----------
    roots
        File of the authorities to trust; the public ones if omitted.

    Raises
    ------
    OSError
        The host is unknown, or does not accept connections.
    """
    offered = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    offered.check_hostname = False
    # The other handshake verifies the certificate.
    offered.verify_mode = ssl.CERT_NONE
    offered.minimum_version = offered.maximum_version = ssl.TLSVersion.TLSv1_2
    offered.set_ciphers(":".join(SUITES))
    try:
        suite = _connect(host, port, offered)[0]
    except ssl.SSLError:
        suite = None
    try:
        _, not_after = _connect(host, port, create_trusting_context(roots))
    except ssl.SSLCertVerificationError as error:
        return Handshakes(host, error.verify_message, error.verify_code, suite=suite)
    except ssl.SSLError as error:
        return Handshakes(host, str(error), suite=suite)
    return Handshakes(host, not_after=not_after, suite=suite)


def _connect(host: str, port: int, context: ssl.SSLContext) -> tuple[str, datetime | None]:
    with (
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as wrapped,
    ):
        cipher = wrapped.cipher()
        assert cipher
        expiry = (wrapped.getpeercert() or {}).get("notAfter")
        # Without verification the certificate is not parsed.
        if not isinstance(expiry, str):
            return cipher[0], None
        return cipher[0], datetime.fromtimestamp(ssl.cert_time_to_seconds(expiry), UTC)
