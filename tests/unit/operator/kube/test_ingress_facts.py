"""Facts about an Ingress: its class, its address and its TLS Secret."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from scim_operator.kube.ingress_facts import (
    IngressFacts,
    TLSSecret,
    has_address,
    read_class,
    read_tls_secret,
    read_tls_secret_name,
)

from tests.unit.operator.kube.test_x509 import certificate

Object = dict[str, Any]
END = datetime(2027, 1, 1, tzinfo=UTC)


def ingress(spec: Object | None = None, **annotations: str) -> Object:
    """An Ingress as the API server returns it."""
    return {"metadata": {"annotations": annotations or None}, "spec": spec or {}}


def test_class() -> None:
    """The field of the spec precedes the older annotation."""
    older: Object = {"kubernetes.io/ingress.class": "older"}
    assert read_class(ingress({"ingressClassName": "public"}, **older)) == "public"
    assert read_class(ingress(**older)) == "older"
    assert read_class(ingress()) is None


def test_address() -> None:
    """An Ingress has an address once a controller has written one."""
    assert has_address({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})
    assert not has_address({"status": {"loadBalancer": {}}})
    assert not has_address({})


def test_tls_secret_name() -> None:
    """The first TLS entry with a Secret counts."""
    assert read_tls_secret_name(ingress({"tls": [{}, {"secretName": "tls"}]})) == "tls"
    assert read_tls_secret_name(ingress({"tls": None})) is None


def secret(**change: str | None) -> Object:
    """A TLS Secret."""
    pem = base64.b64encode(certificate(END)).decode()
    data = {"tls.crt": pem, "tls.key": "eA=="} | change
    return {"data": {key: text for key, text in data.items() if text is not None}}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (None, "does not exist"),
        ({}, "has no key tls.crt"),
        (secret(**{"tls.crt": None}), "has no key tls.crt"),
        (secret(**{"tls.key": None}), "has no key tls.key"),
        (secret(**{"tls.crt": "eA=="}), "has no certificate under its key tls.crt"),
        (secret(**{"tls.crt": "?"}), "has no certificate under its key tls.crt"),
    ],
)
def test_an_unusable_tls_secret(found: Object | None, problem: str) -> None:
    """The problem names the missing part of the Secret."""
    tls = read_tls_secret("tls", found)
    assert tls == TLSSecret("tls", problem)
    assert IngressFacts(tls=tls).has_problem


def test_a_usable_tls_secret() -> None:
    """A usable Secret has the expiry time of its certificate."""
    tls = read_tls_secret("tls", secret())
    assert tls == TLSSecret("tls", not_after=END)
    assert not IngressFacts(tls=tls).has_problem
    assert IngressFacts(is_class_missing=True).has_problem
