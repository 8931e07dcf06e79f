"""A tenant without a problem, as the doctor's tests change it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.tenant import Tenant
from scim_operator.cli.doctor.check import Check, ok
from scim_operator.cli.doctor.examine import examine
from scim_operator.cli.doctor.facts import Contents, Facts, Handshakes, Unknown
from scim_operator.timestamps import format_timestamp

from tests.unit.operator.sample import NOW, body

ID = "k3v9q2aa"
NOW_TEXT = format_timestamp(NOW)
POD = {
    "metadata": {"name": "contoso-scim-1", "creationTimestamp": "2026-11-25T08:00:00Z"},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [
            {"name": "scim", "ready": True, "restartCount": 2, "state": {"running": {}}}
        ],
    },
}
SERVICE_STATUS = ServiceStatus(
    users=3,
    active_users=2,
    groups=1,
    last_request=NOW - timedelta(minutes=12),
    failures={},
    skipped_attributes=(),
    members_dropped=0,
)


def tenant(
    spec: dict[str, Any] | None = None,
    *,
    counts: dict[str, int] | None = None,
    conditions: dict[str, str] | None = None,
    seen: int = 1,
    accepted: list[dict[str, Any]] | None = None,
    annotations: dict[str, str] | None = None,
) -> Tenant:
    """A tenant with a status.

    Parameters
    ----------
    conditions
        Reasons by type. The condition is False if its reason begins with ``!``, Unknown if it
        begins with ``?``, and True otherwise.
    seen
        The generation that the operator has reconciled.
    """
    found = {"TokenReady": "Issued", "Available": "Serving", "Exposed": "Ingress"}
    created = body(spec=spec, annotations=annotations)
    created["status"] = {
        "observedGeneration": seen,
        "tenantURL": "https://scim.example.com/contoso/scim",
        "conditions": [
            {
                "type": kind,
                "status": {"!": "False", "?": "Unknown"}.get(reason[0], "True"),
                "reason": reason.strip("!?"),
                "message": f"about {kind}",
                "lastTransitionTime": NOW_TEXT,
            }
            for kind, reason in (found | (conditions or {})).items()
        ],
        **(counts or {}),
        "tokens": [{"id": ID, "createdAt": NOW_TEXT, "lastUsed": NOW_TEXT}]
        if accepted is None
        else accepted,
    }
    return Tenant.parse(created)


HANDSHAKES = Handshakes(
    "scim.example.com", not_after=NOW + timedelta(days=60), suite="ECDHE-RSA-AES128-GCM-SHA256"
)
FACTS = Facts(
    tenant=tenant(),
    now=NOW,
    pods=[POD],
    token_id=ID,
    service_status=SERVICE_STATUS,
    connection=[ok("connection", ""), ok("user query", "")],
    handshakes=HANDSHAKES,
    contents=Contents(without_mail=0),
)

WHY = Unknown("you may not list pods")
NO_FACTS = replace(
    FACTS, pods=WHY, token_id=WHY, service_status=WHY, connection=WHY, handshakes=WHY, contents=WHY
)


def with_status(**changes: Any) -> Facts:
    """Return the facts with another status of the service."""
    return replace(FACTS, service_status=SERVICE_STATUS.model_copy(update=changes))


def with_tenant(*arguments: Any, **options: Any) -> Facts:
    """Return the facts with another tenant."""
    return replace(FACTS, tenant=tenant(*arguments, **options))


def check(name: str, facts: Facts) -> Check:
    """Return the check of a name, after asserting that all others are as without a problem."""
    found = {each.name: each for each in examine(facts)}
    others = {each.name: each for each in examine(FACTS)}
    for each in found.values():
        if each.name != name and each.name in others:
            assert each.outcome is others[each.name].outcome, each
    return found[name]


def check_by_status(reason: str, **counts: int) -> dict[str, Check]:
    """Return the checks of a user who may read only the tenant, with a reason of Provisioning."""
    spec = {"provisioning": {"maxUsers": 9}}
    seen = tenant(spec, conditions={"Provisioning": reason}, counts=counts)
    return {each.name: each for each in examine(replace(NO_FACTS, tenant=seen))}
