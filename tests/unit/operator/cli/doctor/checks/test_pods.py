"""Tests of the check of pods."""

from __future__ import annotations

from dataclasses import replace

from scim_operator.cli.doctor.check import By, Outcome

from tests.unit.operator.cli.doctor.sample import FACTS, check, check_by_status


def test_no_pod() -> None:
    """A tenant without a ready pod is a problem of the SRE's."""
    found = check("pods", replace(FACTS, pods=[]))
    assert (found.outcome, found.by) == (Outcome.PROBLEM, By.SRE)
    assert "0 of 1 ready" in found.message
    assert "kubectl describe deployment" in found.remedy


def test_crashing_pod() -> None:
    """The problem of a pod becomes the remedy."""
    pod = {
        "metadata": {"name": "contoso-scim-1", "creationTimestamp": "2026-11-25T08:00:00Z"},
        "status": {
            "containerStatuses": [
                {
                    "name": "scim",
                    "restartCount": 7,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                }
            ]
        },
    }
    found = check("pods", replace(FACTS, pods=[pod]))
    assert found.message == "0 of 1 ready, 7 restarts: OutOfMemory"
    assert "spec.resources.limits.memory" in found.remedy


def test_pods_by_status() -> None:
    """A user who may not list pods gets the answer of the tenant's status."""
    assert check_by_status("Active")["pods"].outcome is Outcome.OK
