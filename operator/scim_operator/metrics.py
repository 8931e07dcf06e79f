"""The operator's metrics, under the names that dashboards of controllers already know."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from scim_operator.conditions import FIELD_CONFLICT, PROVISIONING, READY, TOKEN_READY
from scim_operator.crd import ROLLOUT_STATES, RolloutState, Status
from scim_operator.leftovers import KINDS
from scim_operator.report import Report

CONTROLLER = "scimtenant"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RECONCILES = Counter(
    "controller_runtime_reconcile", "Passes over a tenant.", ("controller", "result")
)
RECONCILE_ERRORS = Counter(
    "controller_runtime_reconcile_errors", "Passes that failed.", ("controller",)
)
RECONCILE_TIME = Histogram(
    "controller_runtime_reconcile_time_seconds",
    "Time of a pass.",
    ("controller",),
    buckets=_SECONDS,
)
WORKERS = Gauge(
    "controller_runtime_max_concurrent_reconciles", "Passes at a time.", ("controller",)
)
ACTIVE_WORKERS = Gauge("controller_runtime_active_workers", "Passes going on.", ("controller",))

QUEUE_DEPTH = Gauge("workqueue_depth", "Tenants that wait for a pass.", ("name",))
QUEUE_ADDS = Counter("workqueue_adds", "Tenants put into the queue.", ("name",))
QUEUE_TIME = Histogram(
    "workqueue_queue_duration_seconds", "Time in the queue.", ("name",), buckets=_SECONDS
)
WORK_TIME = Histogram(
    "workqueue_work_duration_seconds", "Time from the queue to done.", ("name",), buckets=_SECONDS
)
QUEUE_RETRIES = Counter("workqueue_retries", "Passes repeated after a failure.", ("name",))

REQUESTS = Counter(
    "rest_client_requests", "Requests to the API server.", ("code", "method", "host")
)
REQUEST_TIME = Histogram(
    "rest_client_request_duration_seconds",
    "Time until the API server's answer begins.",
    ("verb", "host"),
    buckets=_SECONDS,
)

LEADER = Gauge("leader_election_master_status", "1 in the process that does the work.", ("name",))

_SERVED = Gauge(
    "scim_operator_watched_namespace_served",
    "1 if a namespace of watchNamespaces is served; 0 if it is missing, or a right there.",
    ("namespace",),
)

READINGS = Counter("scim_operator_readings", "Readings of tenants' counts.", ("result",))

REPAIRS = Counter(
    "scim_operator_repairs", "Objects of tenants that others had changed, put right.", ("kind",)
)

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


def show_rollout(count: Callable[[RolloutState], int]) -> None:
    """Show how many tenants are in each state of the rollout, whenever there is a scrape."""
    for state in ROLLOUT_STATES:
        _ROLLOUT.labels(state).set_function(partial(count, state))


def show_namespace(namespace: str, *, is_served: bool) -> None:
    """Show whether one of the namespaces that are named in the settings is served."""
    _SERVED.labels(namespace).set(is_served)


def show_retained(counts: Mapping[str, int], oldest: datetime | None) -> None:
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

    def show(
        self, tenant: str, status: Status, report: Report | None, max_users: int | None
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

    def mark(self, tenant: str, conditions: Iterable[Mapping[str, str]]) -> None:
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
