"""When a tenant is due again without any event."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.v1alpha1.status import RolloutStatus
from scim_operator.controller.next_reconcile import FAULT_SECONDS, seconds_until_due
from scim_operator.controller.observe.referenced_objects import REFERENCE_SECONDS
from scim_operator.controller.observe.storage_classes import BINDING_TIME
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.rollout.decisions import Decision
from scim_operator.desired.urls.claims import Hold
from scim_operator.kube.kinds import SERVICE, VOLUME_CLAIM

from tests.unit.operator.sample import NOW, applied, make, observed

DAY_SECONDS = 86_400.0
FAULT = Fault(SERVICE, "Refused", "no")


def settled(spec: dict[str, Any] | None = None) -> Observed:
    """A tenant whose objects exist."""
    seen = observed(spec)
    return applied(seen, make(seen))


def due(
    seen: Observed, *faults: Fault, decision: Decision | None = None, later: float = 3600
) -> float | None:
    """The pause that is computed an hour after the objects were created."""
    now = NOW + timedelta(seconds=later)
    return seconds_until_due(seen, make(seen, now=now), faults, decision, now)


def test_tenant_at_rest() -> None:
    """A tenant at rest is due by time only to rotate its credential, many days later."""
    pause = due(settled())
    assert pause is not None
    assert pause > DAY_SECONDS


def test_fault() -> None:
    """A refused write is repeated after a pause."""
    assert due(settled(), FAULT) == FAULT_SECONDS


def test_earliest_time_counts() -> None:
    """The earliest of several times counts, with a second of slack."""
    now = NOW + timedelta(seconds=3600)
    seen = replace(settled(), hold=Hold(is_routed=False, due=now + timedelta(seconds=9)))
    assert due(seen) == 10
    record = RolloutStatus(template="t", state="moving", spec_generation=1, deployment_generation=1)
    decision = Decision(record, retry_at=now + timedelta(seconds=4))
    assert due(seen, decision=decision) == 5


def test_pending_claim() -> None:
    """A volume claim that is pending is checked again once its StorageClass may be missing."""
    seen = settled()
    name = next(name for kind, name in seen.children if kind is VOLUME_CLAIM)
    claim = seen.children[VOLUME_CLAIM, name]
    metadata = claim["metadata"] | {"creationTimestamp": "2026-11-25T09:00:00Z"}
    pending = claim | {"status": {"phase": "Pending"}, "metadata": metadata}
    seen = replace(seen, children={**seen.children, (VOLUME_CLAIM, name): pending})
    assert due(seen, later=2) == BINDING_TIME.total_seconds()
    assert (due(seen, later=60) or 0) > DAY_SECONDS
    assert due(replace(seen, storage_missing="no class"), later=60) == 2 * REFERENCE_SECONDS


@pytest.mark.parametrize(
    "spec",
    [
        {"token": {"existingSecret": "own"}},
        {"database": {"postgres": {"urlFrom": {"name": "db", "key": "url"}}}},
    ],
)
def test_referenced_secret(spec: dict[str, Any]) -> None:
    """A Secret that a spec names is not watched, so it is read again."""
    pause = due(observed(spec))
    assert pause is not None
    assert pause <= 2 * REFERENCE_SECONDS
