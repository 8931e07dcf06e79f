"""The samples of tenants in a scrape of the operator."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from scim_operator.api.service_status import ServiceStatus, TokenUse
from scim_operator.api.v1alpha1.status import Condition, Status, TokenStatus
from scim_operator.status.tenant_metrics import TenantCollector

from tests.unit.operator.sample import NOW

SECONDS = NOW.timestamp()


def status(ready: str, reason: str) -> Status:
    """A status with an exported condition, one that is not exported, and two tokens."""
    conditions = [
        Condition(type=kind, status=ready, reason=reason, message="", last_transition_time=NOW)
        for kind in ("Ready", "Exposed")
    ]
    return Status(
        conditions=tuple(conditions),
        active_users=3,
        last_provisioned=NOW,
        tokens=(
            TokenStatus(id="old", created_at=NOW, not_after=NOW + timedelta(hours=1)),
            TokenStatus(id="new", created_at=NOW),
        ),
    )


SERVICE_STATUS = ServiceStatus(
    users=4,
    active_users=3,
    groups=1,
    last_request=NOW,
    tokens=(TokenUse(id="old", last_used=NOW),),
    failures={"401": 2, "uniqueness": 1},
)


@pytest.fixture
def tenants() -> TenantCollector:
    """An empty collector."""
    return TenantCollector()


@pytest.fixture
def registry(tenants: TenantCollector) -> CollectorRegistry:
    """A registry with this collector only."""
    registry = CollectorRegistry()
    registry.register(tenants)
    return registry


def test_figures_of_a_tenant(tenants: TenantCollector, registry: CollectorRegistry) -> None:
    """Conditions, counts, times and tokens have one sample each."""
    tenants.update("team-a/contoso", status("False", "Starting"), SERVICE_STATUS, 5)
    found = {
        (sample.name.removeprefix("scim_operator_tenant"), *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
    }
    tenant = "team-a/contoso"
    assert found == {
        ("s", "True"): 0,
        ("s", "False"): 1,
        ("s", "Unknown"): 0,
        ("_condition", tenant, "Ready", "False", "Starting"): 1,
        ("_active_users", tenant): 3,
        ("_max_users", tenant): 5,
        ("_failures", tenant): 1,
        ("_last_request_timestamp_seconds", tenant): SECONDS,
        ("_last_provisioned_timestamp_seconds", tenant): SECONDS,
        ("_token_last_used_timestamp_seconds", tenant, "old"): SECONDS,
        ("_token_not_after_timestamp_seconds", tenant, "old"): SECONDS + 3600,
    }


def test_unknown_values_are_absent(tenants: TenantCollector, registry: CollectorRegistry) -> None:
    """Without a service status and a limit there are no samples that an alert could misread."""
    tenants.update("team-a/contoso", Status(), None, None)
    assert {sample.name for family in registry.collect() for sample in family.samples} == {
        "scim_operator_tenants"
    }


def test_a_later_reconcile_replaces_the_earlier(
    tenants: TenantCollector, registry: CollectorRegistry
) -> None:
    """A new reason replaces the old one, and a deleted tenant has no samples."""
    tenants.update("team-a/contoso", status("False", "Starting"), None, None)
    tenants.update("team-a/contoso", status("True", "Ready"), None, None)
    assert registry.get_sample_value("scim_operator_tenants", {"ready": "False"}) == 0
    assert registry.get_sample_value("scim_operator_tenants", {"ready": "True"}) == 1
    tenants.forget("team-a/contoso")
    assert registry.get_sample_value("scim_operator_tenants", {"ready": "True"}) == 0
