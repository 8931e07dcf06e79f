"""Two operators: one acts, the other takes over, and nothing is written twice."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.operator.install import Installation
from tests.operator.proxy import Proxy
from tests.operator.world import Namespace, Operator, eventually

NAMES = [f"tenant-{number}" for number in range(10)]
CHILDREN = 8
HANDOVER_S = 2.0
LEASE_S = 3
SLACK_S = 3.0
"""For the looks at the Lease, on a machine that has other work."""

SHORT = {"lease_duration": str(LEASE_S), "renew_deadline": "2", "retry_period": "0.5"}


def shared(namespace: Namespace) -> dict[str, str]:
    """The settings of operators that share a Lease, and serve no tenant of other tests."""
    return {
        "leader_elect": "true",
        "lease_name": namespace.name,
        "watch_namespaces": namespace.name,
    }


def leases(proxy: Proxy) -> list[float]:
    """When the Lease was taken or renewed through a proxy."""
    return [
        call.began
        for call in proxy.calls
        if "/leases" in call.path and call.method in ("POST", "PUT") and 200 <= call.status < 300
    ]


def take_lease(proxy: Proxy) -> float:
    """Wait until an operator has the Lease; return since when."""
    return eventually(lambda: leases(proxy), 30)[0]


def stand_by(operator: Operator) -> None:
    """Wait until an operator is ready to take over."""
    eventually(lambda: "waiting for the Lease" in operator.log(), 30)


def test_handover(
    installation: Installation, unserved: Namespace, recovery: Callable[[float], None]
) -> None:
    """One of two acts; stopped, it hands over within two seconds and nothing is written again."""
    settings = shared(unserved)
    with installation.operator("first", **settings) as (first, by_first):
        take_lease(by_first)
        with installation.operator("second", **settings) as (second, by_second):
            stand_by(second)
            unserved.apply_all(NAMES)
            unserved.settle(NAMES)
            assert set(by_first.written().values()) == {1}
            assert len(by_first.written()) == len(NAMES) * CHILDREN
            assert not by_second.writes()

            first.signal(signal.SIGTERM)
            stopped = time.monotonic()
            taken = take_lease(by_second)
            assert first.wait() == 0
            recovery(taken - stopped)
            assert taken - stopped < HANDOVER_S
            unserved.apply("late")
            unserved.settled("late")
            assert max(call.began for call in by_first.writes()) < taken
            assert all("/late-scim" in path for path in by_second.written())


def test_kill(
    installation: Installation, unserved: Namespace, recovery: Callable[[float], None]
) -> None:
    """After a kill in mid-work the other goes on within the Lease's time, with what is missing."""
    settings = shared(unserved) | SHORT
    with installation.operator("first", **settings) as (first, by_first):
        take_lease(by_first)
        with installation.operator("second", **settings) as (second, by_second):
            stand_by(second)
            unserved.apply_all(NAMES)
            eventually(lambda: len(by_first.written()) > len(NAMES))
            first.kill()
            killed = time.monotonic()
            taken = take_lease(by_second)
            done = by_first.written()
            assert len(done) < len(NAMES) * CHILDREN
            assert taken - leases(by_first)[-1] > LEASE_S
            assert taken - killed < LEASE_S + SLACK_S
            unserved.settle(NAMES)
            recovery(time.monotonic() - killed)
            rest = by_second.written()
            # What was on its way may have arrived.
            assert len(done.keys() | rest.keys() | by_first.cut_off()) == len(NAMES) * CHILDREN
            assert not done.keys() & rest.keys()
            assert set(done.values()) | set(rest.values()) == {1}


def test_freeze(installation: Installation, unserved: Namespace) -> None:
    """One that was frozen while another took over writes nothing when it wakes, and ends."""
    settings = shared(unserved) | SHORT
    with installation.operator("first", **settings) as (first, by_first):
        take_lease(by_first)
        with installation.operator("second", **settings) as (second, by_second):
            stand_by(second)
            first.signal(signal.SIGSTOP)
            taken = take_lease(by_second)
            unserved.apply_all(NAMES)
            unserved.settle(NAMES)
            first.signal(signal.SIGCONT)
            assert first.wait() == 1
            assert not [call for call in by_first.calls if call.writes and call.began > taken]
            assert set(by_second.written().values()) == {1}
