"""The mark of a tenant that has served, by a clock that a test sets."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.api.v1alpha1.status import Status
from scim_operator.controller.observe.cache import Cache
from scim_operator.controller.records.served_mark import REFUSED_SECONDS, ServedMark
from scim_operator.kube.errors import ApiError
from scim_operator.kube.kinds import Kind

from tests.unit.operator.sample import body

Object = dict[str, Any]
SERVED = Status(users=1)


class ApiServer:
    """An API server that counts merges, and refuses them while it is told to."""

    def __init__(self) -> None:
        self.merges = 0
        self.refuses = False

    async def merge(self, kind: Kind, live: Object, change: Object) -> Object:
        """Count a merge, and answer with the changed tenant."""
        self.merges += 1
        if self.refuses:
            raise ApiError(403, "the role lacks patch")
        return body()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The steady clock of a node that started 20 seconds ago."""
    time = [20.0]
    monkeypatch.setattr(
        "scim_operator.controller.records.served_mark.time.monotonic", lambda: time[0]
    )
    return time


async def test_a_young_node(clock: list[float]) -> None:
    """The first mark does not wait, however short the node has been up."""
    server = ApiServer()
    await ServedMark(server, Cache()).write(Tenant.parse(body()), SERVED)  # type: ignore[arg-type]
    assert server.merges == 1


async def test_a_refused_mark_is_tried_again_later(clock: list[float]) -> None:
    """After a refusal the operator pauses, and then tries again."""
    server = ApiServer()
    server.refuses = True
    mark = ServedMark(server, Cache())  # type: ignore[arg-type]
    tenant = Tenant.parse(body())
    for at, merges in ((20.0, 1), (20.0 + REFUSED_SECONDS - 1, 1), (20.0 + REFUSED_SECONDS, 2)):
        clock[0] = at
        await mark.write(tenant, SERVED)
        assert server.merges == merges
