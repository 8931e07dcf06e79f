"""A new service image reaches the tenants some at a time, and stops where it does not serve."""

from __future__ import annotations

import json

import pytest

from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually

NAMES = [f"tenant-{number}" for number in range(4)]
LIMIT = 2
SQLITE: Object = {}
POSTGRES: Object = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}


def moved(namespace: Namespace) -> set[str]:
    """The tenants whose Deployments have the new image."""
    listed = json.loads(namespace.kubectl("get", "deployments", "-o", "json"))["items"]
    return {
        body["metadata"]["labels"]["scim-operator.io/tenant"]
        for body in listed
        if body["spec"]["template"]["spec"]["containers"][0]["image"] == "new:1"
    }


def serve(namespace: Namespace, image: str) -> bool:
    """Have the pods of an image run; return whether the tenants are served by such pods alone."""
    for tenant in NAMES:
        for pod in namespace.pods(tenant):
            if pod["spec"]["containers"][0]["image"] == image and "podIP" not in pod["status"]:
                namespace.run(pod["metadata"]["name"], "127.0.0.1")
    return all(
        [pod["spec"]["containers"][0]["image"] for pod in namespace.pods(tenant)] == [image]
        for tenant in NAMES
    )


@pytest.mark.parametrize("database", [SQLITE, POSTGRES], ids=["SQLite", "PostgreSQL"])
def test_halt(installation: Installation, unserved: Namespace, database: Object) -> None:
    """A version that does not start reaches as many as may move; one that does reaches all."""
    namespace = {"watch_namespaces": unserved.name}
    unserved.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://db/x")
    with installation.operator("old", service_image="old:1", **namespace) as (operator, _):
        unserved.apply_all(NAMES, database)
        unserved.settle(NAMES)
        eventually(lambda: serve(unserved, "old:1"))
        unserved.kubectl("wait", "scimtenant", "--all", "--for=condition=Ready", "--timeout=30s")
        assert operator.stop() == 0

    settings = {"service_image": "new:1", "rollout_limit": str(LIMIT)} | namespace
    with installation.operator("new", **settings) as (operator, _):
        first = eventually(lambda: found if len(found := moved(unserved)) == LIMIT else None)
        # Another operator in its place does not begin anew.
        operator.kill()
        operator.start()
        for tenant in NAMES:
            unserved.repair(tenant)
        assert moved(unserved) == first
        eventually(lambda: serve(unserved, "new:1"), 30)
        assert operator.stop() == 0
