"""Problems of a Deployment: refused pods and a halted rollout."""

from __future__ import annotations

from typing import Any

from scim_operator.api.conditions import Outlook
from scim_operator.api.tenant import Key
from scim_operator.status.problems import deployments

KEY = Key("team-a", "contoso")
METADATA = {"name": "contoso-scim", "namespace": "team-a"}


def deployment(spec: dict[str, Any] | None = None, **condition: str) -> dict[str, Any]:
    """A Deployment with one condition."""
    status = {"conditions": [condition]} if condition else {}
    return {"metadata": METADATA, "spec": spec or {}, "status": status}


def failure(message: str, status: str = "True") -> dict[str, Any]:
    """A Deployment that cannot create its pods."""
    return deployment(type="ReplicaFailure", status=status, message=message)


def test_a_known_denial() -> None:
    """A quota that refuses the pod is named, and its namespace."""
    finding = deployments.find_creation_problem(
        failure('pods "contoso-scim-abc-" is forbidden: exceeded quota: small, requested: pods=1')
    )
    assert finding
    assert (finding.reason, finding.outlook) == ("QuotaExceeded", Outlook.STALLED)
    assert "the quota small of namespace team-a" in finding.message


def test_an_unknown_denial() -> None:
    """Any other refusal is quoted, without the generated part of the pod's name."""
    finding = deployments.find_creation_problem(
        failure('pods "contoso-scim-7c9f8d6b5-x2x4z" is forbidden: no')
    )
    assert finding
    assert finding.reason == "PodRefused"
    assert finding.message == (
        "the API server refuses the pod of the Deployment contoso-scim: "
        'pods "contoso-scim" is forbidden: no'
    )


def test_no_failure() -> None:
    """A Deployment without the condition, or with a past one, can create its pods."""
    assert deployments.find_creation_problem(deployment()) is None
    assert deployments.find_creation_problem(failure("no", status="False")) is None
    assert deployments.find_creation_problem({}) is None


def test_a_halted_rollout() -> None:
    """A paused Deployment and one that missed its deadline no longer replace their pods."""
    paused = deployments.find_rollout_problem(KEY, deployment({"paused": True}))
    late = deployments.find_rollout_problem(
        KEY, deployment(type="Progressing", status="False", reason="ProgressDeadlineExceeded")
    )
    assert paused
    assert late
    assert paused.reason == "DeploymentPaused"
    assert "kubectl rollout resume -n team-a deployment/contoso-scim" in paused.message
    assert late.reason == "ProgressDeadlineExceeded"
    assert deployments.find_rollout_problem(KEY, deployment(type="Progressing")) is None
