"""A new service image reaches the tenants some at a time, and stops where it does not serve."""

from __future__ import annotations

import json

import pytest

from tests.cluster import ControlPlane
from tests.operator.install import IMAGE, Installation
from tests.operator.test_plugin import Plugin
from tests.operator.world import Namespace, Object, eventually

OLD, NEW = f"{IMAGE}:old", f"{IMAGE}:new"

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
        if body["spec"]["template"]["spec"]["containers"][0]["image"] == NEW
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


def image(namespace: Namespace, tenant: str) -> str:
    """The image that a tenant's Deployment has."""
    body = namespace.get("deployment", f"{tenant}-scim")
    found: str = body["spec"]["template"]["spec"]["containers"][0]["image"]
    return found


def states(namespace: Namespace) -> dict[str, str]:
    """The state in the operator's record of each tenant."""
    listed = json.loads(namespace.kubectl("get", "scimtenants", "-o", "json"))["items"]
    return {
        body["metadata"]["name"]: body.get("status", {}).get("rollout", {}).get("state", "")
        for body in listed
    }


def those(namespace: Namespace, state: str, count: int) -> set[str]:
    """Wait until so many tenants are in a state; return them."""
    return eventually(
        lambda: (
            found
            if len(found := {name for name, at in states(namespace).items() if at == state})
            == count
            else set()
        )
    )


@pytest.mark.finding(14)
@pytest.mark.parametrize("database", [SQLITE, POSTGRES], ids=["SQLite", "PostgreSQL"])
def test_halt(installation: Installation, unserved: Namespace, database: Object) -> None:
    """A version that does not start reaches as many as may move; one that does reaches all."""
    settings = {"watch_namespaces": unserved.name, "rollout_patience": "0"}
    unserved.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://db/x")
    with installation.operator("old", service_image=OLD, **settings) as (operator, _):
        unserved.apply_all(NAMES, database)
        unserved.settle(NAMES)
        eventually(lambda: serve(unserved, OLD))
        unserved.kubectl("wait", "scimtenant", "--all", "--for=condition=Ready", "--timeout=30s")
        assert operator.stop() == 0

    settings |= {"service_image": NEW, "rollout_limit": str(LIMIT)}
    with installation.operator("new", **settings) as (operator, _):
        first = eventually(lambda: found if len(found := moved(unserved)) == LIMIT else None)
        # Another operator in its place does not begin anew.
        operator.kill()
        operator.start()
        for tenant in NAMES:
            unserved.repair(tenant)
        assert moved(unserved) == first
        for tenant in those(unserved, "waiting", len(NAMES) - LIMIT):
            assert unserved.condition(tenant, "Reconciling")["reason"] == "WaitingForRollout"
            assert unserved.condition(tenant, "Ready")["status"] == "True"
        eventually(
            lambda: serve(unserved, NEW) and states(unserved) == dict.fromkeys(NAMES, "current"),
            30,
        )
        assert operator.stop() == 0


@pytest.mark.finding(14)
def test_who_waits_is_left_alone(
    installation: Installation, fragile: ControlPlane, unserved: Namespace
) -> None:
    """A waiting tenant's Deployment stays as it is, until its owner or somebody else changes it."""
    settings = {"watch_namespaces": unserved.name, "rollout_patience": "0"}
    with installation.operator("old", service_image=OLD, **settings) as (operator, _):
        unserved.apply_all(NAMES)
        unserved.settle(NAMES)
        eventually(lambda: serve(unserved, OLD))
        unserved.kubectl("wait", "scimtenant", "--all", "--for=condition=Ready", "--timeout=30s")
        assert operator.stop() == 0

    resources = json.dumps({"requests": {"cpu": "30m"}})
    settings |= {"service_resources": resources, "rollout_limit": "1", "service_image": NEW}
    before = {tenant: unserved.get("deployment", f"{tenant}-scim") for tenant in NAMES}
    with installation.operator("new", **settings) as (operator, _):
        waits, edited, changed = sorted(those(unserved, "waiting", len(NAMES) - 1))
        said = Plugin(fragile, unserved.name).run("status", code=1).stdout
        assert said.endswith("Rollout: 0 current, 1 moving, 3 waiting, 0 failed.\n")
        assert unserved.get("deployment", f"{waits}-scim")["spec"] == before[waits]["spec"]
        unserved.kubectl("set", "image", f"deployment/{edited}-scim", "scim=evil:1")
        eventually(lambda: image(unserved, edited) == NEW)
        unserved.apply(changed, {"podLabels": {"team": "a"}})
        eventually(lambda: image(unserved, changed) == NEW)
        assert image(unserved, waits) == OLD
        assert operator.stop() == 0
