"""Another controller that sets a field of a tenant's objects, against a real API server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from scim_operator.desired.drift.repeated_deletions import ROUNDS as LOST_ROUNDS

from tests.operator.test_admission_rules import events
from tests.operator.test_data_loss import SPEC, volume
from tests.operator.world import Namespace, eventually

FIGHT_S = 20.0
ROUNDS = 6
"""More than the repairs that the growing pause allows in that time."""


@contextmanager
def _controller(namespace: Namespace, meddle: Callable[[], bool]) -> Iterator[list[float]]:
    """Run a controller that sets a field whenever it is not as it likes; yield when it did."""
    done: list[float] = []
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(0.1):
            if meddle():
                done.append(time.monotonic())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        ended.set()
        thread.join()


def _conflict(namespace: Namespace) -> str:
    condition = namespace.condition("contoso", "FieldConflict")
    return str(condition.get("message", "")) if condition.get("status") == "True" else ""


def test_autoscaler_on_the_deployment(namespace: Namespace) -> None:
    """Who scales the Deployment is named, is fought ever more rarely, and told once."""
    namespace.apply("contoso")
    namespace.settled("contoso")

    def scale() -> bool:
        if namespace.get("deployment", "contoso-scim")["spec"]["replicas"] != 1:
            return False
        namespace.kubectl("scale", "deployment/contoso-scim", "--replicas=2")
        return True

    with _controller(namespace, scale) as rounds:
        message = eventually(lambda: _conflict(namespace), FIGHT_S)
        time.sleep(FIGHT_S / 2)
    assert "kubectl (scale) sets spec.replicas of the Deployment contoso-scim" in message
    assert "scale the ScimTenant" in message
    assert _conflict(namespace) == message
    assert 2 <= len(rounds) <= ROUNDS
    assert events(namespace, "FieldConflict") == [message]
    (first,) = events(namespace, "DriftRepaired")
    assert "spec.replicas" in first
    # Whoever gives way ends it, and nothing is written after that.
    namespace.kubectl("scale", "deployment/contoso-scim", "--replicas=1")
    eventually(lambda: not namespace.condition("contoso", "FieldConflict"))
    assert namespace.condition("contoso", "Ready")
    before = namespace.get("scimtenant", "contoso")["metadata"]["resourceVersion"]
    time.sleep(2)
    assert namespace.get("scimtenant", "contoso")["metadata"]["resourceVersion"] == before


def test_what_is_beside_a_conflict(namespace: Namespace) -> None:
    """A conflict over one field shields no other: a sidecar is removed at once meanwhile."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    labels = {"spec": {"template": {"metadata": {"labels": {"team": "a"}}}}}

    def label() -> bool:
        template = namespace.get("deployment", "contoso-scim")["spec"]["template"]
        if "team" in template["metadata"]["labels"]:
            return False
        patch = f"--patch={json.dumps(labels)}"
        namespace.kubectl("patch", "deployment", "contoso-scim", patch, "--field-manager=labeller")
        return True

    def containers() -> list[str]:
        spec = namespace.get("deployment", "contoso-scim")["spec"]["template"]["spec"]
        return [container["name"] for container in spec["containers"]]

    with _controller(namespace, label):
        message = eventually(lambda: _conflict(namespace), FIGHT_S)
        assert message.startswith("labeller sets spec.template.metadata.labels.team of")
        sidecar = {"name": "sidecar", "image": "attacker:1"}
        operation = {"op": "add", "path": "/spec/template/spec/containers/-", "value": sidecar}
        patch = json.dumps([operation])
        namespace.kubectl("patch", "deployment", "contoso-scim", "--type=json", f"--patch={patch}")
        eventually(lambda: containers() == ["scim"], 3)
    said = events(namespace, "DriftRepaired")
    assert any("containers[sidecar]" in text for text in said)


def test_two_edits_by_hand(namespace: Namespace) -> None:
    """Somebody who edits an object twice is answered within seconds both times."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    for kind in ("LoadBalancer", "NodePort"):
        patch = json.dumps({"spec": {"type": kind}})
        namespace.kubectl("patch", "service", "contoso-scim", f"--patch={patch}")
        eventually(
            lambda: namespace.get("service", "contoso-scim")["spec"]["type"] == "ClusterIP", 4
        )


@pytest.mark.parametrize("what", ["deleted", "unlabelled", "unstamped"])
def test_object_taken_away_again_and_again(namespace: Namespace, what: str) -> None:
    """Who deletes an object, or takes from it what is the operator's, is answered more rarely."""
    namespace.apply("contoso")
    namespace.settled("contoso")
    path = {"unlabelled": "labels/scim-operator.io~1tenant"}.get(
        what, "annotations/scim-operator.io~1applied"
    )

    def take() -> bool:
        found = namespace.get("service", "contoso-scim")
        part, _, key = path.partition("/")
        if key.replace("~1", "/") not in found.get("metadata", {}).get(part, {}):
            return False
        if what == "deleted":
            namespace.kubectl("delete", "--wait=false", "service/contoso-scim")
        else:
            operation = json.dumps([{"op": "remove", "path": f"/metadata/{path}"}])
            namespace.kubectl("patch", "service/contoso-scim", "--type=json", f"-p={operation}")
        return True

    with _controller(namespace, take) as rounds:
        message = eventually(lambda: _conflict(namespace), FIGHT_S)
        time.sleep(FIGHT_S / 2)
        assert _conflict(namespace) == message
    assert "Service contoso-scim" in message
    assert 2 <= len(rounds) <= ROUNDS + LOST_ROUNDS
    assert events(namespace, "FieldConflict") == [message]
    assert len(events(namespace, "DriftRepaired")) < LOST_ROUNDS
    assert not events(namespace, "APIServerRefuses")


def test_pods_on_a_lost_volume(namespace: Namespace) -> None:
    """Whoever scales a tenant without its volume is told of, and never has the last word."""
    name = f"{namespace.name}-one"
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(volume(name)))
    namespace.apply("contoso", SPEC)
    namespace.settled("contoso")
    eventually(lambda: namespace.get("scimtenant", "contoso")["status"].get("volume"), 30)
    namespace.kubectl("delete", "pvc/contoso-scim-data")

    def replicas() -> int:
        return int(namespace.get("deployment", "contoso-scim")["spec"]["replicas"])

    eventually(lambda: replicas() == 0)

    def scale() -> bool:
        if replicas():
            return False
        namespace.kubectl("scale", "deployment/contoso-scim", "--replicas=2")
        return True

    with _controller(namespace, scale):
        message = eventually(lambda: _conflict(namespace), FIGHT_S)
    eventually(lambda: replicas() == 0)
    assert "sets spec.replicas of the Deployment contoso-scim" in message
    assert events(namespace, "FieldConflict") == [message]
