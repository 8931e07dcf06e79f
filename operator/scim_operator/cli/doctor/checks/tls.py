"""The checks of the host's TLS: protocol, cipher suite and certificate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scim_operator.cli.doctor.certificate_remedies import find_remedy
from scim_operator.cli.doctor.check import By, Check, ok, problem, unknown, warning
from scim_operator.cli.doctor.facts import Facts, Handshakes, Unknown

_EXPIRES_SOON = timedelta(days=14)


def check_tls(facts: Facts) -> Iterator[Check]:
    """Check that Entra can agree on TLS with the host, and accepts its certificate."""
    found = facts.handshakes
    if found is None:
        return
    if isinstance(found, Unknown):
        yield unknown("certificate", found)
        return
    if found.suite:
        yield ok("TLS", f"TLS 1.2 with {found.suite}")
    else:
        yield problem(
            "TLS",
            f"{found.host} does not agree on TLS 1.2 with a cipher suite that Entra offers",
            "enable TLS 1.2 in the ingress or gateway, with ECDHE-ECDSA or ECDHE-RSA and AES GCM",
            By.SRE,
        )
    yield _check_certificate(facts, found)


def _check_certificate(facts: Facts, found: Handshakes) -> Check:
    name = "certificate"
    if found.certificate_error:
        remedy = find_remedy(found.host, found.code)
        return problem(name, f"refused: {found.certificate_error}", remedy, By.SRE)
    if found.not_after and found.not_after - facts.now < _EXPIRES_SOON:
        return warning(
            name,
            f"it expires on {found.not_after:%Y-%m-%d}",
            "renew it; without a valid certificate Entra puts the job into quarantine",
            By.SRE,
        )
    return ok(name, f"issued by a public authority for {found.host}")
