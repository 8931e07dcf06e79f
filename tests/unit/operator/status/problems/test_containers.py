"""Problems of containers: the service's own and injected ones."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.tenant import Key
from scim_operator.status.problems import containers

from tests.unit.operator.sample import NOW
from tests.unit.operator.status.sample import container, crashing, pod, waiting

KEY = Key("team-a", "contoso")
Object = dict[str, Any]


def find(live: Object) -> Finding:
    """The problem of a pod that has one."""
    finding = containers.find_problem(KEY, live, NOW)
    assert finding is not None
    return finding


SERVICE = [
    (waiting("scim", "ImagePullBackOff"), "ImagePullFailed", "example/x:1"),
    (waiting("scim", "ErrImageNeverPull"), "ImagePullFailed", "example/x:1"),
    (waiting("scim", "CreateContainerConfigError"), "ConfigError", "it says why"),
    (waiting("scim", "RunContainerError"), "ConfigError", "it says why"),
    (crashing("scim"), "CrashLoop", "exit code 3"),
    (crashing("scim", reason="OOMKilled"), "OutOfMemory", "spec.resources.limits.memory"),
]


@pytest.mark.parametrize(("status", "reason", "text"), SERVICE)
def test_the_service(status: Object, reason: str, text: str) -> None:
    """A problem of the service's own container is stalled, and the message has the remedy."""
    finding = find(pod(status))
    assert (finding.is_good, finding.reason, finding.outlook) == (False, reason, Outlook.STALLED)
    assert text in finding.message


INJECTED = [
    (waiting("proxy", "ImagePullBackOff"), "cannot be pulled (example/x:1)"),
    (waiting("proxy", "CreateContainerError"), "it says why"),
    (crashing("proxy"), "exit code 3"),
    (crashing("proxy", reason="OOMKilled"), "killed for lack of memory"),
]


@pytest.mark.parametrize(("status", "text"), INJECTED)
@pytest.mark.parametrize("is_init", [False, True], ids=["sidecar", "init container"])
def test_injected_containers(status: Object, text: str, *, is_init: bool) -> None:
    """The message names an injected container as injected, not as the service."""
    waits = waiting("scim", "PodInitializing")
    live = pod(waits, inits=(status,)) if is_init else pod(container(ready=True), status)
    finding = find(live)
    assert finding.reason == ("InitContainerFailed" if is_init else "SidecarFailed")
    assert finding.outlook is Outlook.STALLED
    assert text in finding.message
    assert f"container proxy, {containers.INJECTED}," in finding.message
    assert "spec.resources" not in finding.message


def test_between_two_crashes() -> None:
    """A crash loop is also reported while the container runs between two crashes."""
    again = container("scim", restartCount=3, lastState={"terminated": {"exitCode": 3}})
    assert find(pod(again)).reason == "CrashLoop"


@pytest.mark.parametrize(
    "status",
    [
        container("scim", restartCount=1, lastState={"terminated": {"exitCode": 3}}),
        container("scim", restartCount=9, ready=True, lastState={"terminated": {"exitCode": 3}}),
        container(
            "scim",
            restartCount=9,
            lastState={"terminated": {"exitCode": 3}},
            state={"running": {"startedAt": "2026-11-25T08:00:00Z"}},
        ),
        waiting("scim", "ContainerCreating"),
        waiting("scim", "PodInitializing"),
    ],
    ids=["restarted once", "recovered", "runs for an hour", "being created", "being initialized"],
)
def test_starting(status: Object) -> None:
    """A container that is starting has no problem."""
    assert containers.find_problem(KEY, pod(status), NOW) is None


def test_the_last_output() -> None:
    """The message quotes the last line of a container's output, without possible secrets."""
    output = 'Traceback\nOperationalError: postgresql://scim:hunter2@db/scim is away: "no route"\n'
    finding = find(pod(crashing("scim", message=output)))
    assert '(last output: OperationalError: postgresql://***@db/scim is away: "no route")' in (
        finding.message
    )
