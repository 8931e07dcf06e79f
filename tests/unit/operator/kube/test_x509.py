"""The expiry time of certificates that another implementation has created."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as reference
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from scim_operator.kube import x509

KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(end: datetime, name: str = "scim.example.com") -> bytes:
    """A certificate with this expiry time, in PEM."""
    subject = reference.Name([reference.NameAttribute(reference.NameOID.COMMON_NAME, name)])
    return (
        reference.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(reference.random_serial_number())
        .not_valid_before(end - timedelta(days=90))
        .not_valid_after(end)
        .sign(KEY, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


@pytest.mark.parametrize("year", [1999, 2026, 2049, 2050, 2200])
def test_the_end(year: int) -> None:
    """Both encodings of a time are parsed, before and after the year that separates them."""
    end = datetime(year, 6, 1, 12, 30, 59, tzinfo=UTC)
    assert x509.read_not_after(certificate(end)) == end


def test_a_chain() -> None:
    """The first certificate of a chain counts: the server's own."""
    first, second = (datetime(year, 1, 1, tzinfo=UTC) for year in (2027, 2040))
    pem = certificate(first) + certificate(second)
    assert x509.read_not_after(b"# a comment\n" + pem) == first


def test_long_lengths() -> None:
    """A certificate with long fields is parsed."""
    end = datetime(2027, 1, 1, tzinfo=UTC)
    assert x509.read_not_after(certificate(end, "x" * 64)) == end


PEM = certificate(datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [b"", b"text", PEM[:200], PEM.replace(b"CERTIFICATE", b"PRIVATE KEY")],
)
def test_no_certificate(text: bytes) -> None:
    """A text without a certificate is an error."""
    with pytest.raises(ValueError, match="in it"):
        x509.read_not_after(text)


@given(st.integers(0, len(PEM) - 1), st.binary(min_size=1, max_size=4))
def test_damage(at: int, junk: bytes) -> None:
    """A damaged certificate raises ValueError or has a time; it raises nothing else."""
    with contextlib.suppress(ValueError):
        x509.read_not_after(PEM[:at] + junk + PEM[at + len(junk) :])
