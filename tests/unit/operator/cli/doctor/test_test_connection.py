"""Tests of the explanations of Test Connection."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.tenant_client import Response
from scim_operator.cli.doctor.check import Outcome
from scim_operator.cli.doctor.test_connection import explain, explain_no_connection

from tests.unit.operator.sample import body

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
EMPTY = {"schemas": [LIST], "totalResults": 0, "Resources": []}


def scim(status: int, document: object, seconds: float = 0.1) -> Response:
    """Return a response of a SCIM server."""
    return Response(status, "application/scim+json", json.dumps(document).encode(), seconds)


def page(status: int, location: str = "") -> Response:
    """Return a response of a proxy."""
    return Response(status, "text/html", b"<html>", location=location)


@pytest.mark.parametrize(
    ("response", "outcome", "words"),
    [
        (scim(200, EMPTY), Outcome.OK, "as Entra expects"),
        (scim(200, EMPTY, seconds=30), Outcome.WARNING, "after 30 s"),
        (scim(200, EMPTY | {"totalResults": 2}), Outcome.PROBLEM, "not with an empty"),
        (scim(200, {"schemas": []}), Outcome.PROBLEM, "not with an empty"),
        (scim(401, {"detail": "no"}), Outcome.PROBLEM, "the service does not accept the token"),
        (scim(429, {"detail": "slower"}), Outcome.UNKNOWN, "too many requests"),
        (scim(503, {"detail": "the database is away"}), Outcome.PROBLEM, "the database is away"),
        (page(200), Outcome.PROBLEM, "by a server in front of the service"),
    ],
)
def test_response(response: Response, outcome: Outcome, words: str) -> None:
    """Only 200 with an empty list is ok; every other response has its own message."""
    found = explain("user query", response, "at the Tenant URL")
    assert found.outcome is outcome
    assert words in found.message


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (page(302, "https://login.example.com"), "redirects to https://login.example.com"),
        (page(403), "requests without User-Agent"),
        (page(404), "there is no route from this host and path"),
        (page(503), "does not reach the tenant's pods"),
        (page(418), "which proxy, ingress or gateway"),
    ],
)
def test_foreign_response(response: Response, words: str) -> None:
    """A response of an ingress or firewall is not taken for the service's."""
    found = explain("user query", response, "at the Tenant URL")
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
        (TimeoutError("timed out"), "does not accept connections on port 443: timed out"),
    ],
)
def test_no_connection(error: OSError, words: str) -> None:
    """Errors of name, certificate, protocol and firewall have different messages."""
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message, error.verify_code = "certificate has expired", 10
    found = explain_no_connection(_tenant("https://scim.example.com/scim"), error)
    assert found.outcome is Outcome.PROBLEM
    assert words in found.message
    assert found.remedy


def test_in_cluster() -> None:
    """A Tenant URL of the cluster is a warning, although its name cannot be resolved outside."""
    tenant = _tenant("http://contoso-scim.team-a.svc.cluster.local/scim")
    found = explain_no_connection(tenant, socket.gaierror(-2, "Name or service not known"))
    assert found.outcome is Outcome.WARNING
    assert "spec.exposure" in found.remedy
