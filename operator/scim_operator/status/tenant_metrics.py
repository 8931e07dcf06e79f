"""The metrics of tenants, of the rollout, and of objects that deleted tenants have left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from prometheus_client import REGISTRY, Gauge, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scim_operator.api.conditions import FIELD_CONFLICT, PROVISIONING, READY, TOKEN_READY
from scim_operator.api.service_status import ServiceStatus
from scim_operator.api.v1alpha1.status import ROLLOUT_STATES, RolloutState, Status
from scim_operator.status.retained_objects import KINDS

_ROLLOUT = Gauge(
    "scim_operator_rollout_tenants",
    "Tenants by their state in the rollout of the current version of the service.",
    ("state",),
)


_EXPORTED = (READY, TOKEN_READY, PROVISIONING, FIELD_CONFLICT)
"""The types of conditions with samples."""


_RETAINED = Gauge(
    "scim_operator_retained_objects",
    "Volume claims and Secrets that deleted tenants have left.",
    ("kind",),
)


_RETAINED_OLDEST = Gauge(
    "scim_operator_retained_oldest_timestamp_seconds",
    "When the oldest retained object was created; 0 if there are none.",
)


_FIGURES = {
    "active_users": "Active users of the tenant.",
    "max_users": "The highest allowed number of active users; absent without a limit.",
    "failures": "Requests that the tenant refused within a day.",
    "certificate_not_after_timestamp_seconds": "When the certificate of the Ingress expires.",
    "last_request_timestamp_seconds": "When the last authenticated request arrived.",
    "last_provisioned_timestamp_seconds": "When a user or group was last changed.",
}


def track_rollout(count: Callable[[RolloutState], int]) -> None:
    """Have each scrape count the tenants in each state of the rollout."""
    for state in ROLLOUT_STATES:
        _ROLLOUT.labels(state).set_function(partial(count, state))


def set_retained(counts: Mapping[str, int], oldest: datetime | None) -> None:
    """Set the number of retained objects by the names of their kinds."""
    for kind in KINDS:
        _RETAINED.labels(kind.name).set(counts.get(kind.name, 0))
    _RETAINED_OLDEST.set(_to_seconds(oldest) or 0)


class _Samples(NamedTuple):
    conditions: tuple[tuple[str, str, str], ...]
    tokens: tuple[tuple[str, float | None, float | None], ...]
    figures: tuple[float | None, ...]


class TenantCollector(Collector):
    """Keeps the values of each tenant, and creates the samples only for a scrape.

    The library's gauges would hold ten objects for each tenant, and one operator serves thousands
    of tenants.
    """

    def __init__(self) -> None:
        self._samples: dict[str, _Samples] = {}

    def update(
        self,
        tenant: str,
        status: Status,
        service_status: ServiceStatus | None,
        max_users: int | None,
    ) -> None:
        """Keep the result of a reconcile.

        Parameters
        ----------
        tenant
            ``namespace/name``, as in the service's metrics.
        max_users
            ``spec.provisioning.maxUsers``.
        """
        last_used = service_status.last_used if service_status else {}
        self._samples[tenant] = _Samples(
            conditions=tuple(
                (condition.type, condition.status, condition.reason)
                for condition in status.conditions
                if condition.type in _EXPORTED
            ),
            tokens=tuple(
                (token.id, _to_seconds(last_used.get(token.id)), _to_seconds(token.not_after))
                for token in status.tokens
            ),
            figures=(
                status.active_users,
                max_users,
                service_status.refused if service_status else None,
                _to_seconds(status.certificate.not_after) if status.certificate else None,
                _to_seconds(service_status.last_request) if service_status else None,
                _to_seconds(status.last_provisioned),
            ),
        )

    def update_conditions(self, tenant: str, conditions: Iterable[Mapping[str, str]]) -> None:
        """Keep the conditions of a tenant that the operator cannot reconcile.

        Parameters
        ----------
        conditions
            As they are stored.
        """
        known = self._samples.get(tenant) or _Samples((), (), (None,) * len(_FIGURES))
        self._samples[tenant] = known._replace(
            conditions=tuple(
                (each["type"], each["status"], each["reason"])
                for each in conditions
                if each["type"] in _EXPORTED
            )
        )

    def forget(self, tenant: str) -> None:
        """Drop a deleted tenant."""
        self._samples.pop(tenant, None)

    def collect(self) -> Iterable[Metric]:
        """Create the samples."""
        # A copy, because a scrape runs in a thread of its own.
        samples = list(self._samples.items())
        prefix = "scim_operator_tenant"
        total = GaugeMetricFamily(
            f"{prefix}s", "Tenants by their Ready condition.", labels=("ready",)
        )
        conditions = GaugeMetricFamily(
            f"{prefix}_condition",
            "1 for the status and reason of a tenant's condition.",
            labels=("tenant", "type", "status", "reason"),
        )
        last_used = GaugeMetricFamily(
            f"{prefix}_token_last_used_timestamp_seconds",
            "When a request last carried the token.",
            labels=("tenant", "token"),
        )
        not_after = GaugeMetricFamily(
            f"{prefix}_token_not_after_timestamp_seconds",
            "When the token is retired; absent while no retirement is scheduled.",
            labels=("tenant", "token"),
        )
        figures = [
            GaugeMetricFamily(f"{prefix}_{name}", text, labels=("tenant",))
            for name, text in _FIGURES.items()
        ]
        ready: Counter[str] = Counter()
        for tenant, values in samples:
            for kind, status, reason in values.conditions:
                conditions.add_metric((tenant, kind, status, reason), 1)
                ready[status] += kind == READY
            for token, used, end in values.tokens:
                _add_sample(last_used, (tenant, token), used)
                _add_sample(not_after, (tenant, token), end)
            for family, value in zip(figures, values.figures, strict=True):
                _add_sample(family, (tenant,), value)
        for status in ("True", "False", "Unknown"):
            total.add_metric((status,), ready[status])
        return (total, conditions, last_used, not_after, *figures)


def _add_sample(family: GaugeMetricFamily, labels: tuple[str, ...], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _to_seconds(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


TENANTS = TenantCollector()
REGISTRY.register(TENANTS)
