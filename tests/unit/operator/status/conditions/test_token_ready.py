"""The condition TokenReady: faults, weak tokens, and tokens that are not in use yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from scim_operator.api.conditions import Finding
from scim_operator.api.service_status import ServiceStatus, TokenUse
from scim_operator.desired.faults import Fault
from scim_operator.desired.observed import Observed
from scim_operator.desired.plan import Plan
from scim_operator.kube.kinds import SECRET
from scim_operator.status.conditions import token_ready
from scim_operator.timestamps import parse_timestamp

from tests.unit.operator.sample import make
from tests.unit.operator.status.sample import serving

SECRET_NAME = "contoso-scim-token"


def assess(seen: Observed, plan: Plan | None = None, *faults: Fault) -> Finding:
    """The finding of TokenReady."""
    return token_ready.assess(seen, plan or make(seen), faults, SECRET_NAME)


def waiting(seen: Observed) -> Plan:
    """A plan that keeps the older token until the new token ``new`` is in use."""
    plan = make(seen)
    assert plan.token
    return replace(plan, token=replace(plan.token, waiting_for="new"))


def test_issued() -> None:
    """The message of a token in order names the Secret."""
    finding = assess(serving())
    assert (finding.is_good, finding.reason) == (True, "Issued")
    assert finding.message == f"the token is in the Secret {SECRET_NAME}"


def test_order() -> None:
    """A fault of a Secret precedes a weak token, and that precedes a token without use."""
    seen = serving()
    plan = replace(waiting(seen), weakness="has fewer than 32 characters")
    fault = Fault(SECRET, "Forbidden", "no right")
    assert assess(seen, replace(plan, token_fault=fault)).reason == "Forbidden"
    assert assess(seen, plan, fault).reason == "Forbidden"
    weak = assess(seen, plan)
    assert (weak.is_good, weak.reason) == (True, "WeakToken")
    assert "has fewer than 32 characters" in weak.message
    assert assess(seen, replace(plan, weakness=None)).reason == "WaitingForUse"


def test_use_without_proof() -> None:
    """A service that reports a use without proof does not end the wait."""
    use = TokenUse(id="new", last_used=serving().tenant.created)
    known = ServiceStatus(users=0, active_users=0, groups=0, tokens=(use,))
    seen = replace(serving(), service_status=known)
    assert assess(seen, waiting(seen)).reason == "WaitingForProof"


@pytest.mark.parametrize(("seconds", "is_inherited"), [(-1, False), (0, False), (1, True)])
def test_a_token_of_an_earlier_tenant(seconds: int, *, is_inherited: bool) -> None:
    """A token whose Secret is older than the tenant is from an earlier tenant of its name."""
    seen = serving()
    secret = seen.children[SECRET, SECRET_NAME]
    created = parse_timestamp(secret["metadata"]["creationTimestamp"]) + timedelta(seconds=seconds)
    seen = replace(seen, tenant=replace(seen.tenant, created=created))
    assert assess(seen).message.endswith("Entra may already have it") is is_inherited
