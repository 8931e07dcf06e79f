"""Tests of the two handshakes, against real TLS servers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from scim_operator.cli.doctor.tls_handshakes import SUITES, shake_hands

NOW = datetime.now(UTC).replace(microsecond=0)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Issuer:
    """A certificate authority of the test, and the folder of its files."""

    folder: Path
    key: ec.EllipticCurvePrivateKey

    @property
    def roots(self) -> str:
        """The file with its certificate."""
        return str(self.folder / "ca.pem")

    def issue(
        self, subject: str, key: Key, *, days: int = 30, authority: bool = False
    ) -> x509.Certificate:
        """Sign a certificate that expires in `days`."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=60))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        if authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """The authority."""
    created = Issuer(tmp_path, ec.generate_private_key(ec.SECP256R1()))
    own = created.issue("authority", created.key, authority=True)
    Path(created.roots).write_bytes(own.public_bytes(serialization.Encoding.PEM))
    return created


@contextlib.contextmanager
def server(
    issuer: Issuer,
    *,
    host: str = "localhost",
    days: int = 30,
    key: Key | None = None,
    least: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2,
    ciphers: str = "DEFAULT:@SECLEVEL=0",
) -> Iterator[int]:
    """Serve TLS handshakes on a port of localhost."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    pair = issuer.folder / "server.pem"
    pair.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + issuer.issue(host, key, days=days).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = least
    context.set_ciphers(ciphers)
    context.load_cert_chain(pair)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake() -> None:
            while True:
                try:
                    plain = listener.accept()[0]
                except OSError:
                    return
                # A handshake that the client ends is part of the test.
                with plain, contextlib.suppress(OSError):
                    plain.settimeout(10)
                    context.wrap_socket(plain, server_side=True).close()

        thread = threading.Thread(target=shake)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_fit(issuer: Issuer) -> None:
    """A host with a trusted certificate and one of Entra's suites is accepted."""
    with server(issuer) as port:
        found = shake_hands("localhost", port, roots=issuer.roots)
    assert found.certificate_error is None
    assert found.suite in SUITES
    assert found.not_after == NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("host", "days", "key", "code"),
    [
        ("other.example.com", 30, None, 62),
        ("localhost", -1, None, 10),
        ("localhost", 30, rsa.generate_private_key(65537, 1024), 66),
    ],
    ids=["another host", "expired", "weak key"],
)
def test_refused(issuer: Issuer, host: str, days: int, key: Key | None, code: int) -> None:
    """Each error has the number by which the doctor finds its remedy."""
    with server(issuer, host=host, days=days, key=key) as port:
        found = shake_hands("localhost", port, roots=issuer.roots)
    assert found.code == code
    assert found.certificate_error


def test_private_authority(issuer: Issuer) -> None:
    """By default only public authorities are trusted, as by Entra."""
    with server(issuer) as port:
        found = shake_hands("localhost", port)
    assert found.code in (18, 19, 20, 21)


@pytest.mark.parametrize(
    ("least", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_3, "DEFAULT"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ],
    ids=["TLS 1.3 only", "another suite"],
)
def test_no_suite_of_entra(issuer: Issuer, least: ssl.TLSVersion, ciphers: str) -> None:
    """A host without a suite of Entra's is found, even if its certificate is accepted."""
    with server(issuer, least=least, ciphers=ciphers) as port:
        found = shake_hands("localhost", port, roots=issuer.roots)
    assert found.suite is None
    assert found.certificate_error is None


def test_closed_port() -> None:
    """A missing connection is an error of its own, not one of the certificate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        shake_hands("localhost", port)
