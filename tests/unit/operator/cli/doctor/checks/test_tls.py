"""Tests of the checks of TLS and certificate."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.cli.doctor.check import By, Outcome

from tests.unit.operator.cli.doctor.sample import FACTS, HANDSHAKES, check
from tests.unit.operator.sample import NOW


def test_no_suite() -> None:
    """A host that cannot agree on TLS with Entra is a problem of the SRE's."""
    found = check("TLS", replace(FACTS, handshakes=replace(HANDSHAKES, suite=None)))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "does not agree on TLS 1.2" in found.message
    assert found.remedy


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (62, "that names scim.example.com"),
        (10, "renew it"),
        (66, "RSA key of 2048 bits"),
        (20, "serve its intermediate certificates"),
        (18, "no private authority"),
        (1, "which certificate the ingress or gateway serves"),
    ],
)
def test_refused_certificate(code: int, words: str) -> None:
    """OpenSSL's error number decides the remedy."""
    refused = replace(HANDSHAKES, certificate_error="as OpenSSL says it", code=code)
    found = check("certificate", replace(FACTS, handshakes=refused))
    assert found.outcome is Outcome.PROBLEM
    assert "as OpenSSL says it" in found.message
    assert words in found.remedy


def test_certificate_expires_soon() -> None:
    """A certificate that expires within two weeks is a warning."""
    soon = replace(HANDSHAKES, not_after=NOW + timedelta(days=13))
    found = check("certificate", replace(FACTS, handshakes=soon))
    assert found.outcome is Outcome.WARNING
    assert "renew it" in found.remedy
