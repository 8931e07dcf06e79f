"""Pods that get no further, on a real API server: the conditions name what holds them up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from scim_operator.api import names
from scim_operator.timestamps import format_timestamp

from tests.operator.install import Installation
from tests.operator.world import Namespace, Object, eventually

POSTGRES: Object = {"database": {"postgres": {"urlFrom": {"name": "pg", "key": "url"}}}}
LONG_AGO = format_timestamp(datetime.now(UTC) - timedelta(hours=1))
CRASH = {"exitCode": 3, "message": "starting\nno route to the database at 10:00:01\n"}


def state(name: str, **fields: object) -> Object:
    """The status of a container, complete as the API server wants it."""
    whole = {"image": "x", "imageID": "x", "ready": False, "restartCount": 0, "started": False}
    return {"name": name} | whole | fields


def waiting(name: str, reason: str, **fields: object) -> Object:
    """A container that waits."""
    return state(name, state={"waiting": {"reason": reason}}, **fields)


def crashing(name: str) -> Object:
    """A container that ends again and again."""
    last = {"terminated": {**CRASH, "startedAt": LONG_AGO, "finishedAt": LONG_AGO}}
    return waiting(name, "CrashLoopBackOff", lastState=last, restartCount=5)


def report(namespace: Namespace, containers: list[Object], inits: list[Object]) -> None:
    """Say of the tenant's pod what a kubelet would an hour after it got the pod."""
    (pod,) = eventually(lambda: namespace.pods("contoso"))
    conditions = [
        {"type": kind, "status": is_so, "lastTransitionTime": LONG_AGO}
        for kind, is_so in (("PodScheduled", "True"), ("Initialized", "True"), ("Ready", "False"))
    ]
    status = {
        "phase": "Pending",
        "conditions": conditions,
        "containerStatuses": containers,
        "initContainerStatuses": inits,
    }
    body = {"metadata": {"name": pod["metadata"]["name"]}, "status": status}
    patch = ["patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge"]
    namespace.kubectl(*patch, "--patch", json.dumps(body))


def stalled(namespace: Namespace, reason: str) -> str:
    """Wait until the tenant is stalled for a reason; return the message."""

    def seen() -> str:
        found = namespace.condition("contoso", "Stalled")
        is_it = (found.get("status"), found.get("reason")) == ("True", reason)
        return str(found["message"]) if is_it else ""

    message = eventually(seen)
    assert namespace.condition("contoso", "Available")["message"] == message
    return message


@pytest.fixture
def tenant(installation: Installation, unserved: Namespace) -> Iterator[Namespace]:
    """A tenant whose pod waits for a kubelet; its operator has the chart's rights."""
    unserved.kubectl("create", "secret", "generic", "pg", "--from-literal=url=postgresql://db/x")
    with installation.operator("pods", watch_namespaces=unserved.name):
        unserved.apply("contoso", POSTGRES)
        unserved.settled("contoso")
        yield unserved


def test_containers(tenant: Namespace) -> None:
    """Each container that holds a pod up is named: the service's and what admission has added."""
    report(tenant, [waiting("scim", "PodInitializing")], [crashing("vault-agent")])
    message = stalled(tenant, "InitContainerFailed")
    assert message.startswith("the init container vault-agent, which the operator did not add")
    assert "(last output: no route to the database at)" in message

    report(tenant, [state("scim", ready=True), crashing("istio-proxy")], [])
    assert stalled(tenant, "SidecarFailed").startswith("the container istio-proxy, which the")

    report(tenant, [crashing("scim")], [])
    assert stalled(tenant, "CrashLoop").startswith("the service ends repeatedly with exit code 3")

    report(tenant, [state("scim", state={"running": {"startedAt": LONG_AGO}})], [])
    assert "does not become ready" in stalled(tenant, "NotReady")


def test_a_mount_that_fails(tenant: Namespace) -> None:
    """What only an event tells is in the condition, and is read with the chart's rights alone."""
    (pod,) = tenant.pods("contoso")
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "mount"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            "namespace": tenant.name,
            "name": pod["metadata"]["name"],
            "uid": pod["metadata"]["uid"],
        },
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "database" : secret "pg" not found',
        "lastTimestamp": LONG_AGO,
    }
    tenant.kubectl("create", "-f", "-", stdin=json.dumps(event))
    report(tenant, [waiting("scim", "ContainerCreating")], [])
    message = stalled(tenant, "ContainerCreating")
    assert message.endswith(f"(FailedMount): {event['message']}")


def test_a_paused_deployment(tenant: Namespace) -> None:
    """Where somebody pauses the Deployment it is resumed: the annotation is the way to pause."""
    workload = names.workload("contoso")
    tenant.kubectl("rollout", "pause", f"deployment/{workload}")
    eventually(lambda: "paused" not in tenant.get("deployment", workload)["spec"])
