"""Tests of the Secrets that the plugin reads for a tenant."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.tenant_secrets import read_management_credential, read_token
from scim_operator.cli.errors import ClusterError
from scim_operator.kube.kinds import SECRET

from tests.unit.operator.cli.cluster.api import cluster
from tests.unit.operator.sample import body


def secret(name: str, labels: dict[str, str] | None = None, **values: str) -> dict[str, Any]:
    """Return a Secret."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"metadata": {"name": name, "labels": labels or {}}, "data": data}


def tenant(token_secret: str | None) -> Tenant:
    """Return a tenant whose status names a Secret."""
    found = body()
    found["status"] = {"tokenSecretName": token_secret} if token_secret else {}
    return Tenant.parse(found)


def test_token() -> None:
    """The token comes from the Secret of the status, or from the one that the operator writes."""
    responses = {
        SECRET.path("team-a", "mine"): (200, secret("mine", secretToken="own")),
        SECRET.path("team-a", "contoso-scim-token"): (200, secret("x", secretToken="issued")),
    }
    assert read_token(cluster(responses), tenant("mine")) == "own"
    assert read_token(cluster(responses), tenant(None)) == "issued"


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (secret("other", names.labels("fabrikam"), secretToken="x"), "another tenant's"),
        (secret("other"), "has no secretToken"),
    ],
    ids=["Secret of another tenant", "no token"],
)
def test_no_token(found: dict[str, Any], words: str) -> None:
    """A token of another tenant is never read, and a missing one is an error."""
    api = cluster({SECRET.path("team-a", "other"): (200, found)})
    with pytest.raises(ClusterError, match=words):
        read_token(api, tenant("other"))


def test_no_management_credential() -> None:
    """A tenant of an earlier operator has no credential of the management port."""
    assert read_management_credential(cluster({}), tenant(None).key) is None
