"""Repeated failures of a tenant are reported once, whatever their cause."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.tenant import Key, Tenant
from scim_operator.clock import Clock
from scim_operator.controller.failures import (
    FAILURES_IF_REFUSED,
    FAILURES_OTHERWISE,
    RETRY_SECONDS,
    FailureHandler,
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
    """An API server with one tenant; it raises `refusal` if there is one."""

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
    """A tenant whose reconciles return or raise `answer`."""

    def __init__(self, stored: Object | None = None) -> None:
        self.server = Server(stored or body(status=WAS_READY))
        self.cache = Cache()
        self.cache.put(TENANT, self.server.stored)
        self.answer: float | Exception | None = None
        self.released: list[Key] = []
        self.reporter = ProblemReporter(self.server, self.cache)  # type: ignore[arg-type]
        self.passes = FailureHandler(self.reporter, self._reconcile, release=self.released.append)

    async def _reconcile(self, _: Key) -> float | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def fail(self, error: Exception, times: int) -> list[float | None]:
        """Reconcile several times with an error; return the results that did not raise."""
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
        (ApiError(403, "you may not"), FAILURES_IF_REFUSED, "APIServerRefuses"),
        (ApiError(404, "no such thing"), FAILURES_IF_REFUSED, "APIServerRefuses"),
        (ApiError(422, "wrong"), FAILURES_IF_REFUSED, "APIServerRefuses"),
        (ApiError(409, "changed"), FAILURES_OTHERWISE, "APIServerRefuses"),
        (ApiError(500, "broken"), FAILURES_OTHERWISE, "APIServerRefuses"),
        (ApiError(500, 'failed calling webhook "g": no'), FAILURES_OTHERWISE, "WebhookUnavailable"),
        (TimeoutError(), FAILURES_OTHERWISE, "APIServerSilent"),
        (aiohttp.ServerDisconnectedError(), FAILURES_OTHERWISE, "APIServerSilent"),
        (KeyError("secretToken: scim_abc"), FAILURES_OTHERWISE, "OperatorError"),
        (ZeroDivisionError(), FAILURES_OTHERWISE, "OperatorError"),
    ],
)
async def test_lasting_failure(error: Exception, patience: int, reason: str) -> None:
    """Every kind of failure sets conditions and creates one event, but not at once."""
    scene = Scene()
    await scene.fail(error, patience - 1)
    assert (scene.server.statuses, scene.server.events) == ([], [])
    assert await scene.fail(error, 10) == [RETRY_SECONDS]
    assert len(scene.server.statuses) == 1
    assert [said for said, _ in scene.server.events] == [reason]
    for kind, status in (("Ready", "False"), ("Stalled", "True"), ("Reconciling", "False")):
        found = scene.condition(kind)
        assert (found["status"], found["reason"]) == (status, reason)
    assert "scim_abc" not in str(scene.server.statuses) + str(scene.server.events)
    # Every version can read the stored status.
    assert Tenant.parse(scene.server.stored).status.is_true("Stalled")


async def test_rest_of_the_status_stays() -> None:
    """A failed reconcile leaves the rest of the status unchanged."""
    scene = Scene()
    await scene.fail(ApiError(403, "no"), FAILURES_IF_REFUSED)
    assert scene.server.stored["status"]["users"] == 7
    assert scene.condition("Available") == WAS_READY["conditions"][1]  # type: ignore[index]


async def test_newer_spec() -> None:
    """A new generation that fails too gets conditions of its own."""
    scene = Scene()
    await scene.fail(ApiError(403, "no"), FAILURES_IF_REFUSED)
    changed = scene.server.stored
    changed = changed | {
        "metadata": changed["metadata"] | {"generation": 2, "resourceVersion": "9"}
    }
    scene.server.stored = changed
    scene.cache.put(TENANT, changed)
    await scene.fail(ApiError(403, "no"), 5)
    assert [status["observedGeneration"] for status in scene.server.statuses] == [1, 2]
    assert scene.condition("Ready")["observedGeneration"] == 2


async def test_success_resets_the_count() -> None:
    """Failures that are not in a row are not reported."""
    scene = Scene()
    for _ in range(4):
        await scene.fail(ApiError(403, "no"), FAILURES_IF_REFUSED - 1)
        scene.answer = 7.0
        assert await scene.passes(KEY) == 7.0
    assert scene.server.statuses == []


async def test_status_is_refused() -> None:
    """If the status cannot be written, one event reports the failure."""
    scene = Scene()
    scene.server.refusal = ApiError(500, 'failed calling webhook "g": connection refused')
    await scene.fail(scene.server.refusal, 20)
    ((reason, message),) = scene.server.events
    assert reason == "WebhookUnavailable"
    assert "the admission webhook g does not answer" in message


async def test_blocked() -> None:
    """A blocked tenant is reported at once, is not retried, and releases its slot."""
    scene = Scene()
    assert await scene.fail(HELD, 3) == [None] * 3
    assert len(scene.server.statuses) == len(scene.server.events) == 1
    assert scene.condition("Stalled")["message"] == "spec.x is odd"
    assert set(scene.released) == {KEY}


async def test_transition_time() -> None:
    """The transition time changes only with the status of a condition."""
    scene = Scene()
    await scene.fail(HELD, 1)
    first = scene.condition("Ready")["lastTransitionTime"]
    assert datetime.fromisoformat(first) > datetime(2026, 11, 25, 9, tzinfo=UTC)
    await scene.fail(ApiError(403, "no"), FAILURES_IF_REFUSED)
    assert scene.condition("Ready")["lastTransitionTime"] == first


@pytest.mark.parametrize("gone", [True, False])
async def test_deleted_tenant(gone: bool) -> None:
    """A tenant that is deleted or being deleted is not reported."""
    deleted = body(version=5)
    deleted["metadata"]["deletionTimestamp"] = "2026-11-25T09:00:00Z"
    scene = Scene(deleted)
    if gone:
        scene.cache.remove(TENANT, deleted)
    await scene.fail(HELD, 1)
    await scene.fail(ApiError(403, "no"), 9)
    assert (scene.server.statuses, scene.server.events) == ([], [])


@pytest.mark.parametrize(("generation", "told"), [(1, 0), (2, 1)])
async def test_operator_without_its_key(generation: int, told: int) -> None:
    """Only tenants with an unreconciled spec report the problem, once."""
    stored = body(status=WAS_READY)
    stored["metadata"]["generation"] = generation
    scene = Scene(stored)
    for _ in range(3):
        await scene.reporter.report_to_waiting(HELD.finding)
    assert len(scene.server.statuses) == len(scene.server.events) == told


@pytest.mark.parametrize(
    "status", ["x", [1], {"conditions": "x"}, {"conditions": [1, {"type": []}, {"status": "True"}]}]
)
async def test_status_of_another_shape(status: object) -> None:
    """A stored status of any shape does not prevent a report."""
    stored = body()
    stored["status"] = status
    scene = Scene(stored)
    await scene.reporter.report_to_waiting(HELD.finding)
    await scene.fail(HELD, 2)
    assert len(scene.server.statuses) == len(scene.server.events) == 1
    assert scene.condition("Stalled")["reason"] == "Unreadable"
