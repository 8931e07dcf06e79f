"""The health of a tenant for Argo CD (by the documented Lua) and Flux (by the rules of kstatus)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lupa.lua51
import pytest
import yaml
from scim_operator.api.conditions import Finding, Outlook
from scim_operator.api.v1alpha1.status import UNSEEN, RolloutStatus, Status
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.kube.kinds import DEPLOYMENT, INGRESS, Object
from scim_operator.status import tenant_status
from scim_operator.status.conditions import summary

from tests.unit.operator.sample import NOW, applied, make, observed
from tests.unit.operator.status.sample import crashing, pod, serving

Health = Callable[[Object], str]

AGREED = {
    "Current": {"Healthy"},
    "Failed": {"Degraded"},
    "InProgress": {"Progressing", "Suspended"},
}
"""The states of kstatus, and the states of Argo CD that agree; only Argo CD has Suspended."""


@pytest.fixture(scope="module")
def argo() -> Health:
    """The health check of docs/gitops.md, run by the Lua version of Argo CD."""
    block = re.search(r"```yaml\n(data:\n.*?)```", Path("docs/gitops.md").read_text(), re.DOTALL)
    assert block
    (script,) = yaml.safe_load(block[1])["data"].values()
    lua = lupa.lua51.LuaRuntime()
    check = lua.eval(f"function(obj)\n{script}\nend")

    def health(body: Object) -> str:
        found = check(lua.table_from(body, recursive=True))
        assert isinstance(found["message"], str)
        return str(found["status"])

    return health


def kstatus(body: Object) -> str:
    """The state that kstatus computes for an object of a kind without rules of its own.

    Source: sigs.k8s.io/cli-utils, pkg/kstatus/status: ``checkGenericProperties``, then
    ``checkReadyCondition``.
    """
    if body["metadata"]["generation"] != body["status"].get("observedGeneration"):
        return "InProgress"
    for condition in body["status"]["conditions"]:
        if condition["status"] == "True" and condition["type"] in ("Reconciling", "Stalled"):
            return "InProgress" if condition["type"] == "Reconciling" else "Failed"
    ready = {each["type"]: each["status"] for each in body["status"]["conditions"]}["Ready"]
    return "Current" if ready == "True" else "InProgress"


def shown(found: Status, generation: int = 1) -> Object:
    """A tenant with a status, as the API server returns it."""
    document = found.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {"metadata": {"generation": generation}, "status": document}


def result(seen: Observed, *faults: Fault) -> Status:
    """The status after a reconcile."""
    return tenant_status.build(seen, make(seen), faults, NOW)


def rolled_out(state: str, seen: Observed) -> Observed:
    """A tenant in a state of the rollout."""
    record: dict[str, Any] = {"state": state, "template": "t"}
    return replace(
        seen, rollout=RolloutStatus(**record, spec_generation=1, deployment_generation=1)
    )


def crashed(seen: Observed, *containers: Object) -> Observed:
    """A tenant whose own pod has these containers."""
    body = pod(*containers)
    owner = {"kind": "ReplicaSet", "name": "contoso-scim-1", "uid": "1", "controller": True}
    body["metadata"] |= {"labels": {"pod-template-hash": "1"}, "ownerReferences": [owner]}
    return replace(seen, pods=[body])


def deployment(seen: Observed, spec: Object, found: Object) -> Observed:
    """A tenant whose Deployment has another spec and status."""
    key = (DEPLOYMENT, "contoso-scim")
    live = seen.children[key]
    changed = live | {
        "spec": live["spec"] | spec,
        "status": live.get("status", {}) | {"observedGeneration": 1} | found,
    }
    return replace(seen, children={**seen.children, key: changed})


SERVING = serving()
STARTING = deployment(SERVING, {}, {"availableReplicas": 0})
LATE = {
    "availableReplicas": 0,
    "conditions": [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    ],
}
SUSPENDED = {"suspended": True}

STATES: list[tuple[str, Object, str, str]] = [
    ("no operator has reconciled it", shown(UNSEEN), "InProgress", "Pending"),
    ("its spec has changed", shown(result(SERVING), 2), "InProgress", "Ready"),
    ("it starts", shown(result(STARTING)), "InProgress", "Starting"),
    ("it serves", shown(result(SERVING)), "Current", "Ready"),
    (
        "it is suspended",
        shown(result(applied(observed(SUSPENDED), make(observed(SUSPENDED))))),
        "InProgress",
        "Suspended",
    ),
    (
        "its service crashes",
        shown(result(crashed(STARTING, crashing("scim")))),
        "Failed",
        "CrashLoop",
    ),
    (
        "its sidecar crashes",
        shown(result(crashed(STARTING, crashing("proxy")))),
        "Failed",
        "SidecarFailed",
    ),
    (
        "one of its pods crashes, another serves",
        shown(result(crashed(SERVING, crashing("scim")))),
        "Failed",
        "Ready",
    ),
    (
        "its Deployment missed its deadline",
        shown(result(deployment(STARTING, {}, LATE))),
        "Failed",
        "ProgressDeadlineExceeded",
    ),
    (
        "its volume is missing, and its Deployment missed its deadline",
        shown(result(deployment(applied(observed(), make(observed())), {}, LATE))),
        "Failed",
        "VolumePending",
    ),
    (
        "its Deployment is paused",
        shown(result(deployment(SERVING, {"paused": True}, {}))),
        "Failed",
        "Ready",
    ),
    (
        "it waits for its slot in a rollout",
        shown(result(rolled_out("waiting", SERVING))),
        "InProgress",
        "Ready",
    ),
    (
        "the new version fails, the old one serves",
        shown(result(rolled_out("failed", SERVING))),
        "Failed",
        "Ready",
    ),
    (
        "its route is refused",
        shown(result(SERVING, Fault(INGRESS, "Invalid", "no"))),
        "Failed",
        "Invalid",
    ),
    (
        "its namespace is being deleted",
        shown(result(SERVING, Fault(DEPLOYMENT, "NamespaceTerminating", "", Outlook.SETTLED))),
        "InProgress",
        "NamespaceTerminating",
    ),
    (
        "it is paused",
        shown(tenant_status.mark_paused(result(SERVING), 1, NOW)),
        "Current",
        "Ready",
    ),
]


@pytest.mark.parametrize(
    ("tenant", "expected", "reason"),
    [pytest.param(*state[1:], id=state[0]) for state in STATES],
)
def test_states(argo: Health, tenant: Object, expected: str, reason: str) -> None:
    """In every state of a tenant kstatus, Argo CD and the condition Ready agree."""
    ready = next(each for each in tenant["status"]["conditions"] if each["type"] == "Ready")
    assert (kstatus(tenant), ready["reason"]) == (expected, reason)
    assert argo(tenant) in AGREED[expected]


FINDINGS = [
    Finding(good, "Reason", "message", outlook)
    for good in (True, False, None)
    for outlook in Outlook
]


def test_every_combination(argo: Health) -> None:
    """Both tools agree on every combination of aspects, and neither calls a stalled one healthy."""
    seen = set()
    for aspects in itertools.product(FINDINGS, repeat=3):
        findings = {"Ready": summary.assess_ready(aspects), **summary.assess_abnormal(aspects)}
        found = summary.to_conditions(findings, (), 1, NOW)
        tenant = shown(Status(observed_generation=1, conditions=found))
        assert argo(tenant) in AGREED[kstatus(tenant)]
        is_stalled = any(aspect.outlook is Outlook.STALLED for aspect in aspects)
        assert (kstatus(tenant) == "Failed") is is_stalled
        seen.add(kstatus(tenant))
    assert seen == set(AGREED)


def test_suspended(argo: Health) -> None:
    """Argo CD shows a suspended tenant as Suspended, not as Progressing."""
    tenant = next(state[1] for state in STATES if state[0] == "it is suspended")
    assert argo(tenant) == "Suspended"
