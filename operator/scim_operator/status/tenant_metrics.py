"""The metrics of each tenant, of the rollout, and of what deleted tenants have left."""

from __future__ import annotations

from collections import Counter as Tally
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
    "Tenants by how far the current version of the service has come to them.",
    ("state",),
)


_SHOWN = (READY, TOKEN_READY, PROVISIONING, FIELD_CONFLICT)
"""Conditions that there are samples of."""


_RETAINED = Gauge(
    "scim_operator_retained_objects",
    "Volume claims and Secrets that tenants have left which are gone.",
    ("kind",),
)


_RETAINED_OLDEST = Gauge(
    "scim_operator_retained_oldest_timestamp_seconds",
    "When the oldest of them was made; 0 if there are none.",
)


_FIGURES = {
    "active_users": "Active users of the tenant.",
    "max_users": "Active users that the tenant may have; absent without a limit.",
    "failures": "Requests to the tenant that were refused within a day.",
    "certificate_not_after_timestamp_seconds": "When the certificate of the Ingress expires.",
    "last_request_timestamp_seconds": "When an authenticated request came last.",
    "last_provisioned_timestamp_seconds": "When a user or group was changed last.",
}


def track_rollout(count: Callable[[RolloutState], int]) -> None:
    """Show how many tenants are in each state of the rollout, whenever there is a scrape."""
    for state in ROLLOUT_STATES:
        _ROLLOUT.labels(state).set_function(partial(count, state))


def set_retained(counts: Mapping[str, int], oldest: datetime | None) -> None:
    """Show how much tenants that are gone have left, by the names of kinds."""
    for kind in KINDS:
        _RETAINED.labels(kind.name).set(counts.get(kind.name, 0))
    _RETAINED_OLDEST.set(_seconds(oldest) or 0)


class _Known(NamedTuple):
    conditions: tuple[tuple[str, str, str], ...]
    tokens: tuple[tuple[str, float | None, float | None], ...]
    figures: tuple[float | None, ...]


class Tenants(Collector):
    """What is known of each tenant; the samples are made only when they are asked for.

    Gauges of the library's own would hold ten objects for each tenant, and thousands of tenants
    are served by one process.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def update(
        self, tenant: str, status: Status, report: ServiceStatus | None, max_users: int | None
    ) -> None:
        """Remember what a pass has found out.

        Parameters
        ----------
        tenant
            ``namespace/name``, as in the service's metrics.
        max_users
            ``spec.provisioning.maxUsers``.
        """
        last_used = report.last_used if report else {}
        self._known[tenant] = _Known(
            conditions=tuple(
                (condition.type, condition.status, condition.reason)
                for condition in status.conditions
                if condition.type in _SHOWN
            ),
            tokens=tuple(
                (token.id, _seconds(last_used.get(token.id)), _seconds(token.not_after))
                for token in status.tokens
            ),
            figures=(
                status.active_users,
                max_users,
                report.refused if report else None,
                _seconds(status.certificate.not_after) if status.certificate else None,
                _seconds(report.last_request) if report else None,
                _seconds(status.last_provisioned),
            ),
        )

    def update_conditions(self, tenant: str, conditions: Iterable[Mapping[str, str]]) -> None:
        """Remember the conditions of a tenant of which nothing else was found out.

        Parameters
        ----------
        conditions
            As they are stored.
        """
        known = self._known.get(tenant) or _Known((), (), (None,) * len(_FIGURES))
        self._known[tenant] = known._replace(
            conditions=tuple(
                (each["type"], each["status"], each["reason"])
                for each in conditions
                if each["type"] in _SHOWN
            )
        )

    def forget(self, tenant: str) -> None:
        """Leave out a tenant that is gone."""
        self._known.pop(tenant, None)

    def collect(self) -> Iterable[Metric]:
        """Make the samples."""
        # Copied at once: this runs in a thread beside the passes.
        known = list(self._known.items())
        prefix = "scim_operator_tenant"
        total = GaugeMetricFamily(
            f"{prefix}s", "Tenants by their Ready condition.", labels=("ready",)
        )
        conditions = GaugeMetricFamily(
            f"{prefix}_condition",
            "1 for the status and reason that a tenant's condition has.",
            labels=("tenant", "type", "status", "reason"),
        )
        last_used = GaugeMetricFamily(
            f"{prefix}_token_last_used_timestamp_seconds",
            "When a request carried the token last.",
            labels=("tenant", "token"),
        )
        not_after = GaugeMetricFamily(
            f"{prefix}_token_not_after_timestamp_seconds",
            "When the token is retired; absent while it is wanted.",
            labels=("tenant", "token"),
        )
        figures = [
            GaugeMetricFamily(f"{prefix}_{name}", text, labels=("tenant",))
            for name, text in _FIGURES.items()
        ]
        ready: Tally[str] = Tally()
        for tenant, what in known:
            for kind, status, reason in what.conditions:
                conditions.add_metric((tenant, kind, status, reason), 1)
                ready[status] += kind == READY
            for token, used, end in what.tokens:
                _add(last_used, (tenant, token), used)
                _add(not_after, (tenant, token), end)
            for family, value in zip(figures, what.figures, strict=True):
                _add(family, (tenant,), value)
        for status in ("True", "False", "Unknown"):
            total.add_metric((status,), ready[status])
        return (total, conditions, last_used, not_after, *figures)


def _add(family: GaugeMetricFamily, labels: tuple[str, ...], value: float | None) -> None:
    if value is not None:
        family.add_metric(labels, value)


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


TENANTS = Tenants()
REGISTRY.register(TENANTS)
