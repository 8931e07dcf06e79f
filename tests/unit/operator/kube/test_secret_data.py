"""Values of a tenant's Secrets, and Secrets that a spec must not name."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.kube.secret_data import TOKEN_KEY, is_reserved, read


def encode(value: bytes) -> str:
    """A value as a Secret stores it."""
    return base64.b64encode(value).decode()


@pytest.mark.parametrize(
    ("secret", "value"),
    [
        (None, None),
        ({}, None),
        ({"data": None}, None),
        ({"data": {"other": encode(b"x")}}, None),
        ({"data": {TOKEN_KEY: encode(b"scim_abc")}}, "scim_abc"),
        ({"data": {TOKEN_KEY: encode(b" scim_abc\n")}}, "scim_abc"),
        ({"data": {TOKEN_KEY: encode(b"\n")}}, None),
        ({"data": {TOKEN_KEY: encode(b"\xff")}}, None),
        ({"data": {TOKEN_KEY: "not base64"}}, None),
    ],
)
def test_read(secret: dict[str, Any] | None, value: str | None) -> None:
    """A missing, empty or binary value is None; white space around a value is removed."""
    assert read(secret, TOKEN_KEY) == value


@pytest.mark.parametrize(
    ("metadata", "reserved"),
    [
        ({}, False),
        ({"labels": None, "ownerReferences": None}, False),
        ({"labels": {names.TENANT_LABEL: "contoso"}}, False),
        ({"labels": {names.TENANT_LABEL: "fabrikam"}}, True),
        ({"labels": {names.MANAGED_BY_LABEL: names.MANAGER}}, True),
        ({"ownerReferences": [{"kind": names.KIND}]}, True),
        ({"ownerReferences": [{"kind": "ExternalSecret"}]}, False),
    ],
)
def test_is_reserved(metadata: dict[str, Any], reserved: bool) -> None:
    """Secrets of the operator and of other tenants are reserved; an owner's Secret is not."""
    assert is_reserved({"metadata": metadata}, "contoso") is reserved
