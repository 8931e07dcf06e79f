"""How answers to Test Connection are explained."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.channel import Answer
from scim_operator.cli.doctor import test_connection
from scim_operator.cli.doctor.checks import Outcome

from tests.unit.operator.sample import body

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
EMPTY = {"schemas": [LIST], "totalResults": 0, "Resources": []}


def scim(status: int, document: object, seconds: float = 0.1) -> Answer:
    """An answer of a SCIM server."""
    return Answer(status, "application/scim+json", json.dumps(document).encode(), seconds)


def page(status: int, location: str = "") -> Answer:
    """An answer of something on the way."""
    return Answer(status, "text/html", b"<html>", location=location)


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (scim(200, EMPTY), Outcome.OK, "as Entra expects"),
        (scim(200, EMPTY, seconds=30), Outcome.WARNING, "after 30 s"),
        (scim(200, EMPTY | {"totalResults": 2}), Outcome.PROBLEM, "not with an empty"),
        (scim(200, {"schemas": []}), Outcome.PROBLEM, "not with an empty"),
        (scim(401, {"detail": "no"}), Outcome.PROBLEM, "the token is not accepted"),
        (scim(429, {"detail": "slower"}), Outcome.UNKNOWN, "too many requests"),
        (scim(503, {"detail": "the database is away"}), Outcome.PROBLEM, "the database is away"),
        (page(200), Outcome.PROBLEM, "by something on the way"),
    ],
)
def test_answer(answer: Answer, outcome: Outcome, words: str) -> None:
    """Only 200 with an empty list is well; everything else is told from each other."""
    found = test_connection.explain("user query", answer, "at the Tenant URL")
    assert found.outcome is outcome
    assert words in found.message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page(302, "https://login.example.com"), "redirects to https://login.example.com"),
        (page(403), "requests without User-Agent"),
        (page(404), "no route leads from this host and path"),
        (page(503), "does not reach the tenant's pods"),
        (page(418), "which proxy, ingress or gateway"),
    ],
)
def test_stranger(answer: Answer, words: str) -> None:
    """What an ingress or firewall answers is not mistaken for the service's answer."""
    found = test_connection.explain("user query", answer, "at the Tenant URL")
    assert found.outcome is Outcome.PROBLEM
    assert words in found.remedy


def _tenant(url: str) -> Tenant:
    return Tenant.parse(body() | {"status": {"tenantURL": url}})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "cannot be resolved"),
        (ssl.SSLCertVerificationError(1, "refused"), "the certificate of scim.example.com"),
        (ssl.SSLError(1, "wrong version number"), "does not agree on TLS"),
        (TimeoutError("timed out"), "takes no connection on port 443: timed out"),
    ],
)
def test_no_connection(error: OSError, words: str) -> None:
    """Name, certificate, protocol and firewall are told apart."""
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message, error.verify_code = "certificate has expired", 10
    found = test_connection.no_connection(_tenant("https://scim.example.com/scim"), error)
    assert found.outcome is Outcome.PROBLEM
    assert words in found.message
    assert found.remedy


def test_in_cluster() -> None:
    """That a name of the cluster is not known outside is no fault of the name's."""
    tenant = _tenant("http://contoso-scim.team-a.svc.cluster.local/scim")
    found = test_connection.no_connection(tenant, socket.gaierror(-2, "Name or service not known"))
    assert found.outcome is Outcome.WARNING
    assert "spec.exposure" in found.remedy
