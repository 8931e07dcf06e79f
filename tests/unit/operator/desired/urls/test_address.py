"""The address of a tenant, from its spec and the operator's defaults."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.desired.urls.address import derive_address
from scim_operator.settings import Settings

from tests.unit.operator.sample import IMAGE, observed

SETTINGS = Settings(
    service_image=IMAGE, default_host="{name}.example.com", default_path="/{namespace}/scim"
)
INGRESS: dict[str, Any] = {"ingress": {}}


@pytest.mark.parametrize(
    ("exposure", "url"),
    [
        ({}, "http://contoso-scim.team-a.svc.cluster.local/team-a/scim"),
        (INGRESS, "https://contoso.example.com/team-a/scim"),
        (INGRESS | {"path": "/x"}, "https://contoso.example.com/x"),
        ({"host": "scim.contoso.com"}, "https://scim.contoso.com/team-a/scim"),
    ],
)
def test_url(exposure: dict[str, Any], url: str) -> None:
    """The spec overrides the defaults; without exposure the URL is that of the Service."""
    address = derive_address(observed({"exposure": exposure}).tenant, SETTINGS)
    assert address.url == url
    assert address.is_exposed is url.startswith("https")


def test_no_host() -> None:
    """An exposed tenant without a host has no URL."""
    address = derive_address(observed({"exposure": INGRESS}).tenant, Settings(service_image=IMAGE))
    assert (address.host, address.url, address.is_exposed) == (None, None, True)
