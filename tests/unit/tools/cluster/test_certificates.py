"""Certificates that strict clients accept."""

import ssl
from pathlib import Path

from tests.cluster.certificates import Authority, alternative_names


def test_addresses_and_names_are_told_apart() -> None:
    """A client checks an address against IP entries only."""
    assert alternative_names(("10.96.0.1", "kubernetes")) == "IP:10.96.0.1,DNS:kubernetes"


def test_a_strict_client_and_server_agree(tmp_path: Path) -> None:
    """A TLS handshake with both certificates succeeds under the strictest checks."""
    authority = Authority(tmp_path / "pki")
    authority.issue("server", user="server", hosts=("kubernetes",))
    authority.issue("client", user="admin", group="system:masters")

    here = ssl.create_default_context(cafile=authority.path("ca.crt"))
    here.verify_flags |= ssl.VERIFY_X509_STRICT
    here.load_cert_chain(authority.path("client.crt"), authority.path("client.key"))
    there = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.path("ca.crt"))
    there.verify_flags |= ssl.VERIFY_X509_STRICT
    there.verify_mode = ssl.CERT_REQUIRED
    there.load_cert_chain(authority.path("server.crt"), authority.path("server.key"))

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = here.wrap_bio(to_client, to_server, server_hostname="kubernetes")
    server = there.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    for side in 3 * (client, server):
        try:
            side.do_handshake()
            waiting = [other for other in waiting if other is not side]
        except ssl.SSLWantReadError:
            pass
    assert not waiting
    assert (server.getpeercert() or {})["subject"] == (
        (("organizationName", "system:masters"),),
        (("commonName", "admin"),),
    )
