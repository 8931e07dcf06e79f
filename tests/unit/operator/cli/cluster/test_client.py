"""Tests of the errors of the API server."""

from __future__ import annotations

import pytest
from scim_operator.cli.errors import ClusterError, ForbiddenError, MissingError
from scim_operator.kube.kinds import DEPLOYMENT, SECRET, TENANT, Kind

from tests.unit.operator.cli.cluster.api import cluster


@pytest.mark.parametrize(
    ("kind", "status", "body", "error", "words"),
    [
        (SECRET, 401, {"message": "Unauthorized"}, ClusterError, "renew those of your kubeconfig"),
        (SECRET, 403, {"message": "no"}, ForbiddenError, "may not get secrets in namespace team-a"),
        (DEPLOYMENT, 403, {"message": "no"}, ForbiddenError, r"may not get deployments\.apps"),
        (SECRET, 404, {"message": "gone"}, MissingError, r"gone \(namespace team-a\)"),
        (TENANT, 404, b"404 page not found", ClusterError, "install the operator's chart"),
        (SECRET, 500, b"broken", ClusterError, r"refuses to get secrets \(500\): broken"),
    ],
)
def test_error(kind: Kind, status: int, body: object, error: type, words: str) -> None:
    """Each error says what to do."""
    api = cluster({kind.path("team-a", "x"): (status, body)})
    with pytest.raises(error, match=words):
        api.get(kind, "x")


def test_namespace_in_error() -> None:
    """An error about an object of another namespace names that namespace."""
    api = cluster({DEPLOYMENT.path("scim", "operator"): (403, {"message": "no"})})
    with pytest.raises(ForbiddenError, match="in namespace scim:"):
        api.get(DEPLOYMENT, "operator", "scim")
