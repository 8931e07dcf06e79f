"""Writes of one object to a small API server with admission rules and other clients."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any, cast

import pytest
from scim_operator.controller.apply.applier import Applier
from scim_operator.controller.observe.cache import Cache
from scim_operator.desired.drift.desired_object import DesiredObject
from scim_operator.desired.drift.outcomes import Outcome
from scim_operator.desired.objects import applied_digest
from scim_operator.desired.ownership.seals import Seals
from scim_operator.kube.client import KubeClient
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import SERVICE, Kind

from tests.unit.operator.sample import Object, make, objects, observed

PLANNED = make(observed())
RULED = {"trafficDistribution": "PreferClose"}


class _Server:
    """One Service: an apply leaves fields of others, and `rule` changes each write."""

    def __init__(self, rule: Callable[[Object], Object] = dict) -> None:
        self.rule = rule
        self.writes = 0
        self.between: Callable[[], None] = lambda: None
        self.body: Object = {}

    def store(self, body: Object) -> Object:
        self.writes += 1
        spec = body["spec"] | self.rule(body["spec"])
        metadata = body["metadata"] | {"uid": "1", "resourceVersion": str(self.writes)}
        self.body = copy.deepcopy(body | {"metadata": metadata, "spec": spec})
        return copy.deepcopy(self.body)

    async def apply_new(self, kind: Kind, wanted: Object) -> Object:
        return self.store(wanted)

    async def apply(self, kind: Kind, wanted: Object, *, force: bool) -> Object:
        self.between()
        return self.store(wanted | {"spec": self.body["spec"] | wanted["spec"]})

    async def patch(self, kind: Kind, live: Object, operations: list[Object]) -> Object:
        version, *rest = operations
        if version["value"] != self.body["metadata"]["resourceVersion"]:
            raise ApiError(409, "another version")
        body = copy.deepcopy(self.body)
        for operation in rest:
            *parents, last = operation["path"][1:].split("/")
            (body[parents[0]] if parents else body)[last] = operation["value"]
        return self.store(body)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        entry = {"manager": "meddler", "time": "1", "fieldsV1": {}}
        metadata = self.body["metadata"] | {"managedFields": [entry]}
        return copy.deepcopy(self.body | {"metadata": metadata})


class _World:
    """The Service of a tenant, applied repeatedly."""

    def __init__(self, server: _Server) -> None:
        self.server = server
        self.applier = Applier(cast("KubeClient", server), Cache(), Seals(b"k" * 32))

    def apply(self, **spec: Any) -> Outcome:
        """Apply the desired Service, with more fields in its spec."""
        body = next(each for (kind, _), each in objects(PLANNED).items() if kind == "Service")
        metadata = dict(body["metadata"])
        metadata.pop("annotations", None)
        wanted = applied_digest.add_digest(
            body | {"metadata": metadata, "spec": body["spec"] | spec}
        )
        live = copy.deepcopy(self.server.body) or None
        seen = DesiredObject(SERVICE, wanted, live)
        return asyncio.run(self.applier.apply_object(PLANNED, seen))

    def set(self, **spec: Any) -> None:
        """Write as another client, without counting the write."""
        writes = self.server.writes
        self.server.store(self.server.body | {"spec": self.server.body["spec"] | spec})
        self.server.body["metadata"]["resourceVersion"] = f"{writes}0"
        self.server.writes = writes


def test_created_under_a_rule() -> None:
    """A rule's change to a new object is reported once and left; it takes one write."""
    world = _World(_Server(lambda _: RULED))
    first = world.apply()
    assert first.kept
    assert "spec.trafficDistribution" in first.kept
    assert first.admitted
    again = world.apply()
    assert (again.kept, again.repaired, again.admitted) == (None, None, first.admitted)
    assert world.server.writes == 1


def test_new_desired_object_under_a_rule() -> None:
    """A new desired object is written once, and the same change by the rule is not reported."""
    world = _World(_Server(lambda _: RULED))
    world.apply()
    changed = world.apply(sessionAffinity="ClientIP")
    assert (changed.kept, changed.repaired) == (None, None)
    assert world.server.writes == 2
    world.apply(sessionAffinity="ClientIP")
    assert world.server.writes == 2


@pytest.mark.finding(26)
def test_added_during_the_write() -> None:
    """A field that a client adds during the write is removed, not attributed to a rule."""
    world = _World(_Server())
    world.apply()
    world.server.between = lambda: world.set(externalIPs=["192.0.2.1"])
    outcome = world.apply(type="LoadBalancer")
    assert "externalIPs" not in world.server.body["spec"]
    assert (outcome.admitted, outcome.kept) == (None, None)


@pytest.mark.finding(26)
def test_added_beside_a_rule() -> None:
    """A field that a client adds is removed and reported; the field that a rule sets stays."""
    world = _World(_Server(lambda _: RULED))
    world.apply()
    world.set(externalIPs=["192.0.2.1"], trafficDistribution="other")
    outcome = world.apply()
    assert outcome.repaired
    assert outcome.repaired.endswith("without spec.externalIPs")
    assert outcome.kept is None
    assert world.server.body["spec"]["trafficDistribution"] == "PreferClose"


def test_contested_field_beside_a_rule() -> None:
    """A field that a client sets repeatedly is repaired after pauses, also beside a rule."""
    world = _World(_Server(lambda _: RULED))
    world.apply()
    for _ in range(10):
        world.set(type="NodePort")
        outcome = world.apply()
    assert world.server.writes <= 3
    assert outcome.pause


def test_rule_with_random_values() -> None:
    """A rule that sets a new value at each write does not cause a write at each change."""
    count = 0

    def rule(_: Object) -> Object:
        nonlocal count
        count += 1
        return {"trafficDistribution": f"value {count}"}

    world = _World(_Server(rule))
    world.apply()
    for _ in range(10):
        world.set()
        world.apply()
    assert world.server.writes <= 3
