"""Objects that specs name: read rarely, and from the cache if they are watched."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.observe.referenced_objects import REFERENCE_SECONDS, References
from scim_operator.controller.observe.storage_classes import (
    BINDING_TIME,
    find_storage_problem,
    is_binding,
)
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import SECRET, STORAGE_CLASS, Kind, Object

from tests.unit.operator.sample import NOW

CREATED = "2026-11-25T09:00:00Z"
LATER = NOW + BINDING_TIME


class _Kube:
    """An API server with some objects; it refuses to read StorageClasses if told so."""

    def __init__(self, *existing: str, is_refusing: bool = False) -> None:
        self.existing = existing
        self.is_refusing = is_refusing
        self.reads: list[tuple[Kind, str | None, str]] = []

    async def get(self, kind: Kind, namespace: str | None, name: str) -> Object | None:
        self.reads.append((kind, namespace, name))
        if self.is_refusing:
            raise ApiError(403, "you may not")
        return {"metadata": {"name": name}} if name in self.existing else None


def references(kube: _Kube, cache: Cache | None = None) -> References:
    """The references of an operator."""
    return References(kube, cache or Cache())  # type: ignore[arg-type]


def claim(phase: str = "Pending", **spec: Any) -> Object:
    """A volume claim."""
    return {"metadata": {"creationTimestamp": CREATED}, "spec": spec, "status": {"phase": phase}}


async def test_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object, or its absence, counts as known for a while."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    kube = _Kube("db")
    read = references(kube)
    for _ in range(3):
        assert await read.get(SECRET, "team-a", "db")
        assert await read.get(SECRET, "team-a", "other") is None
    assert len(kube.reads) == 2
    now += REFERENCE_SECONDS
    assert await read.get(SECRET, "team-a", "db")
    assert len(kube.reads) == 3


async def test_watched_object_is_not_read() -> None:
    """An object with the tenant label is in the cache."""
    cache, kube = Cache(), _Kube()
    metadata = {"name": "db", "namespace": "team-a", "resourceVersion": "1"}
    labels = {names.TENANT_LABEL: "contoso"}
    cache.put(SECRET, {"metadata": metadata | {"labels": labels}})
    assert await references(kube, cache).get(SECRET, "team-a", "db")
    assert kube.reads == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (None, None),
        (claim("Bound", storageClassName="slow"), None),
        (claim(storageClassName="fast"), None),
        (claim(storageClassName="slow"), "there is no StorageClass slow"),
        (claim(), "no StorageClass is the cluster's default, and none is named"),
    ],
)
async def test_storage_problem(body: Object | None, problem: str | None) -> None:
    """Only a claim that is pending for longer than usual has a problem with its StorageClass."""
    read = references(_Kube("fast"))
    assert await find_storage_problem(read, body, LATER) == problem
    assert await find_storage_problem(read, body, LATER - timedelta(seconds=1)) is None


async def test_storage_class_that_may_not_be_read() -> None:
    """Without the right to read StorageClasses no problem is known."""
    kube = _Kube(is_refusing=True)
    assert await find_storage_problem(references(kube), claim(storageClassName="x"), LATER) is None
    assert kube.reads == [(STORAGE_CLASS, None, "x")]


def test_is_binding() -> None:
    """A pending claim is binding for the usual time."""
    assert is_binding(claim(), LATER - timedelta(seconds=1))
    assert not is_binding(claim(), LATER)
    assert not is_binding(claim("Bound"), NOW)
    assert not is_binding(None, NOW)
