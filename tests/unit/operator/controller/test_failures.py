"""Whatever ends the passes over a tenant, it is told once, and only if it lasts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.tenant import Key, Tenant
from scim_operator.clock import Clock
from scim_operator.controller.failures import (
    FAILED_AGAIN,
    REFUSED_AGAIN,
    SOON,
    Failures,
    ProblemReporter,
)
from scim_operator.controller.observe.cache import Cache
from scim_operator.desired.faults import BlockedError
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import TENANT

from tests.unit.operator.sample import body

Object = dict[str, Any]
KEY = Key("team-a", "contoso")
WAS_READY = {
    "observedGeneration": 1,
    "users": 7,
    "conditions": [
        {
            "type": kind,
            "status": "True",
            "reason": "Ready",
            "message": "",
            "lastTransitionTime": "2026-11-25T08:00:00Z",
            "observedGeneration": 1,
        }
        for kind in ("Ready", "Available")
    ],
}
HELD = BlockedError(Finding(False, "Unreadable", "spec.x is odd", Outlook.STALLED))


class Server:
    """An API server that keeps one tenant, and refuses what it is told to refuse."""

    def __init__(self, stored: Object) -> None:
        self.clock = Clock()
        self.stored = stored
        self.statuses: list[Object] = []
        self.events: list[tuple[str, str]] = []
        self.refusal: Exception | None = None

    async def apply(self, _: object, wanted: Object, **how: object) -> Object:
        """Write the status."""
        assert how == {"force": True, "subresource": "status"}
        if self.refusal:
            raise self.refusal
        version = str(int(self.stored["metadata"]["resourceVersion"]) + 1)
        metadata = self.stored["metadata"] | {"resourceVersion": version}
        self.stored = self.stored | {"metadata": metadata, "status": wanted["status"]}
        self.statuses.append(wanted["status"])
        return self.stored

    async def post_event(
        self, key: Key, _uid: str, reason: str, message: str, *, warning: bool
    ) -> None:
        """Keep an event."""
        assert (key, warning) == (KEY, True)
        self.events.append((reason, message))


class Scene:
    """A tenant whose passes end as they are told to."""

    def __init__(self, stored: Object | None = None) -> None:
        self.server = Server(stored or body(status=WAS_READY))
        self.cache = Cache()
        self.cache.put(TENANT, self.server.stored)
        self.answer: float | Exception | None = None
        self.released: list[Key] = []
        self.reporter = ProblemReporter(self.server, self.cache)  # type: ignore[arg-type]
        self.passes = Failures(self.reporter, self._work, release=self.released.append)

    async def _work(self, _: Key) -> float | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def fail(self, error: Exception, times: int) -> list[float | None]:
        """Make passes that fail; return what those returned that did not raise."""
        self.answer = error
        returned = []
        for _ in range(times):
            try:
                returned.append(await self.passes(KEY))
            except type(error):
                continue
        return returned

    def condition(self, kind: str) -> Object:
        """A condition as it is stored."""
        conditions = self.server.stored["status"]["conditions"]
        (found,) = [each for each in conditions if each["type"] == kind]
        return dict(found)


@pytest.mark.parametrize(
    ("error", "patience", "reason"),
    [
        (ApiError(403, "you may not"), REFUSED_AGAIN, "APIServerRefuses"),
        (ApiError(404, "no such thing"), REFUSED_AGAIN, "APIServerRefuses"),
        (ApiError(422, "wrong"), REFUSED_AGAIN, "APIServerRefuses"),
        (ApiError(409, "changed"), FAILED_AGAIN, "APIServerRefuses"),
        (ApiError(500, "broken"), FAILED_AGAIN, "APIServerRefuses"),
        (ApiError(500, 'failed calling webhook "g": no'), FAILED_AGAIN, "WebhookUnavailable"),
        (TimeoutError(), FAILED_AGAIN, "APIServerSilent"),
        (aiohttp.ServerDisconnectedError(), FAILED_AGAIN, "APIServerSilent"),
        (KeyError("secretToken: scim_abc"), FAILED_AGAIN, "OperatorError"),
        (ZeroDivisionError(), FAILED_AGAIN, "OperatorError"),
    ],
)
async def test_told_when_it_lasts(error: Exception, patience: int, reason: str) -> None:
    """Every kind of failure reaches conditions and one event, and not at its first attempt."""
    scene = Scene()
    await scene.fail(error, patience - 1)
    assert (scene.server.statuses, scene.server.events) == ([], [])
    assert await scene.fail(error, 10) == [SOON]
    assert len(scene.server.statuses) == 1
    assert [said for said, _ in scene.server.events] == [reason]
    for kind, status in (("Ready", "False"), ("Stalled", "True"), ("Reconciling", "False")):
        found = scene.condition(kind)
        assert (found["status"], found["reason"]) == (status, reason)
    assert "scim_abc" not in str(scene.server.statuses) + str(scene.server.events)
    # What the API server stores is a status that every version can read.
    assert Tenant.parse(scene.server.stored).status.is_true("Stalled")


async def test_what_is_known_stays() -> None:
    """The rest of the status is not less true because of a failed pass."""
    scene = Scene()
    await scene.fail(ApiError(403, "no"), REFUSED_AGAIN)
    assert scene.server.stored["status"]["users"] == 7
    assert scene.condition("Available") == WAS_READY["conditions"][1]  # type: ignore[index]


async def test_a_newer_spec_is_told_anew() -> None:
    """A condition never speaks about an older spec than the one that fails."""
    scene = Scene()
    await scene.fail(ApiError(403, "no"), REFUSED_AGAIN)
    changed = scene.server.stored
    changed = changed | {
        "metadata": changed["metadata"] | {"generation": 2, "resourceVersion": "9"}
    }
    scene.server.stored = changed
    scene.cache.put(TENANT, changed)
    await scene.fail(ApiError(403, "no"), 5)
    assert [status["observedGeneration"] for status in scene.server.statuses] == [1, 2]
    assert scene.condition("Ready")["observedGeneration"] == 2


async def test_success_forgets() -> None:
    """Failures that are not in a row are none worth telling."""
    scene = Scene()
    for _ in range(4):
        await scene.fail(ApiError(403, "no"), REFUSED_AGAIN - 1)
        scene.answer = 7.0
        assert await scene.passes(KEY) == 7.0
    assert scene.server.statuses == []


async def test_status_is_refused() -> None:
    """Where the status itself cannot be written, an event says it, once."""
    scene = Scene()
    scene.server.refusal = ApiError(500, 'failed calling webhook "g": connection refused')
    await scene.fail(scene.server.refusal, 20)
    ((reason, message),) = scene.server.events
    assert reason == "WebhookUnavailable"
    assert "the admission webhook g does not answer" in message


async def test_held_up() -> None:
    """A tenant that cannot be worked on is told at once, rests, and keeps no place."""
    scene = Scene()
    assert await scene.fail(HELD, 3) == [None] * 3
    assert len(scene.server.statuses) == len(scene.server.events) == 1
    assert scene.condition("Stalled")["message"] == "spec.x is odd"
    assert set(scene.released) == {KEY}


async def test_transition_time_stands_still() -> None:
    """Only a status that changes gets a new time."""
    scene = Scene()
    await scene.fail(HELD, 1)
    first = scene.condition("Ready")["lastTransitionTime"]
    assert datetime.fromisoformat(first) > datetime(2026, 11, 25, 9, tzinfo=UTC)
    await scene.fail(ApiError(403, "no"), REFUSED_AGAIN)
    assert scene.condition("Ready")["lastTransitionTime"] == first


@pytest.mark.parametrize("gone", [True, False])
async def test_a_tenant_that_goes(gone: bool) -> None:
    """Nothing is said of a tenant that is gone or about to."""
    deleted = body(version=5)
    deleted["metadata"]["deletionTimestamp"] = "2026-11-25T09:00:00Z"
    scene = Scene(deleted)
    if gone:
        scene.cache.remove(TENANT, deleted)
    await scene.fail(HELD, 1)
    await scene.fail(ApiError(403, "no"), 9)
    assert (scene.server.statuses, scene.server.events) == ([], [])


@pytest.mark.parametrize(("generation", "told"), [(1, 0), (2, 1)])
async def test_an_operator_that_cannot_begin(generation: int, told: int) -> None:
    """Only tenants whose spec nobody has taken up say so, once; the others are as they were."""
    stored = body(status=WAS_READY)
    stored["metadata"]["generation"] = generation
    scene = Scene(stored)
    for _ in range(3):
        await scene.reporter.tell_waiting(HELD.finding)
    assert len(scene.server.statuses) == len(scene.server.events) == told


@pytest.mark.parametrize(
    "status", ["x", [1], {"conditions": "x"}, {"conditions": [1, {"type": []}, {"status": "True"}]}]
)
async def test_a_status_of_another_shape(status: object) -> None:
    """What is stored in the place of conditions does not keep a tenant from being told of."""
    stored = body()
    stored["status"] = status
    scene = Scene(stored)
    await scene.reporter.tell_waiting(HELD.finding)
    await scene.fail(HELD, 2)
    assert len(scene.server.statuses) == len(scene.server.events) == 1
    assert scene.condition("Stalled")["reason"] == "Unreadable"
