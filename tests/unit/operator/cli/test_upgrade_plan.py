"""Tests of the comparison of two Deployments of the operator."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.upgrade_plan import compare, find_operator

from tests.unit.operator.sample import body

PREFIX = "SCIM_OPERATOR_"


def deployment(image: str = "operator:1", **settings: str) -> dict[str, Any]:
    """Return a Deployment of the operator with settings."""
    values = {"service_image": "service:1", **settings}
    env = [{"name": f"{PREFIX}{name.upper()}", "value": each} for name, each in values.items()]
    pod = {"containers": [{"name": "operator", "image": image, "env": env}]}
    return {"kind": "Deployment", "spec": {"template": {"spec": pod}}}


def tenant(name: str, **changes: Any) -> Tenant:
    """Return a tenant of namespace team-a."""
    return Tenant.parse(body(name, **changes))


PAUSED = {"scim-operator.io/paused": "true"}
TENANTS = [
    tenant("sqlite"),
    tenant("postgres", spec={"database": {"postgres": {"urlFrom": {"name": "a", "key": "b"}}}}),
    tenant("suspended", spec={"suspended": True}),
    tenant("paused", annotations=PAUSED),
]


def test_no_change() -> None:
    """Equal settings restart no tenant."""
    found = compare(deployment(), deployment(), TENANTS)
    assert (found.tenants, found.restarts, found.untouched, found.changes) == (4, 0, 2, ())


def test_new_service_image() -> None:
    """Another image restarts every tenant that is neither suspended nor paused."""
    found = compare(deployment(), deployment(service_image="service:2"), TENANTS)
    (change,) = found.changes
    assert (change.setting, change.before, change.after) == (
        f"{PREFIX}SERVICE_IMAGE",
        "service:1",
        "service:2",
    )
    assert (found.restarts, found.sqlite, found.untouched) == (2, 1, 2)


def test_watched_namespaces() -> None:
    """Tenants of namespaces that the new operator does not watch are not counted."""
    found = compare(deployment(), deployment(watch_namespaces="team-b"), TENANTS)
    assert found.tenants == 0


def test_json_value() -> None:
    """The order of keys in a JSON value is no change."""
    before, after = deployment(resources='{"a":1,"b":2}'), deployment(resources='{"b":2, "a":1}')
    assert compare(before, after, TENANTS).changes == ()


def test_operator_image() -> None:
    """The plan has the operator's image before and after, and the limit of the rollout."""
    found = compare(deployment(), deployment("operator:2", rollout_limit="3"), TENANTS)
    assert (found.operator, found.at_a_time) == (("operator:1", "operator:2"), 3)


def test_find_operator() -> None:
    """The operator's Deployment is found among other manifests, and missed without it."""
    other = {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{}]}}}}
    assert find_operator([None, {"kind": "Service"}, other, deployment()]) == deployment()
    with pytest.raises(ClusterError, match="helm template"):
        find_operator([{"kind": "Service"}])
