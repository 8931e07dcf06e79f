"""Turns the doctor's facts into the input of the operator's own checks of provisioning."""

from __future__ import annotations

from scim_operator.api import names
from scim_operator.api.service_status import ServiceStatus
from scim_operator.cli.doctor.facts import Facts
from scim_operator.status.conditions.provisioning import Evidence


def build_evidence(facts: Facts, service_status: ServiceStatus) -> Evidence:
    """Return the input of the operator's checks."""
    tenant = facts.tenant
    secret = tenant.status.token_secret_name or names.token_secret(tenant.key.name)
    return Evidence(service_status, tenant.spec.provisioning, secret, facts.now)
