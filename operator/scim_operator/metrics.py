"""The operator's process metrics, with the names that dashboards of controllers already use."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CONTROLLER = "scimtenant"

_BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

RECONCILES = Counter(
    "controller_runtime_reconcile", "Reconciliations of a tenant.", ("controller", "result")
)
RECONCILE_ERRORS = Counter(
    "controller_runtime_reconcile_errors", "Failed reconciliations.", ("controller",)
)
RECONCILE_TIME = Histogram(
    "controller_runtime_reconcile_time_seconds",
    "Duration of a reconciliation.",
    ("controller",),
    buckets=_BUCKETS_SECONDS,
)
WORKERS = Gauge(
    "controller_runtime_max_concurrent_reconciles",
    "Maximum number of concurrent reconciliations.",
    ("controller",),
)
ACTIVE_WORKERS = Gauge(
    "controller_runtime_active_workers", "Reconciliations in progress.", ("controller",)
)

QUEUE_DEPTH = Gauge("workqueue_depth", "Tenants in the queue.", ("name",))
QUEUE_ADDS = Counter("workqueue_adds", "Additions of a tenant to the queue.", ("name",))
QUEUE_TIME = Histogram(
    "workqueue_queue_duration_seconds",
    "Time of a tenant in the queue.",
    ("name",),
    buckets=_BUCKETS_SECONDS,
)
WORK_TIME = Histogram(
    "workqueue_work_duration_seconds",
    "Duration of processing a tenant from the queue.",
    ("name",),
    buckets=_BUCKETS_SECONDS,
)
QUEUE_RETRIES = Counter("workqueue_retries", "Reconciliations repeated after a failure.", ("name",))

REQUESTS = Counter(
    "rest_client_requests", "Requests to the API server.", ("code", "method", "host")
)
REQUEST_TIME = Histogram(
    "rest_client_request_duration_seconds",
    "Time until the response of the API server begins.",
    ("verb", "host"),
    buckets=_BUCKETS_SECONDS,
)

LEADER = Gauge(
    "leader_election_master_status", "1 in the process that reconciles tenants.", ("name",)
)

_SERVED = Gauge(
    "scim_operator_watched_namespace_served",
    "1 if a namespace of watchNamespaces is served; 0 if it or a right in it is missing.",
    ("namespace",),
)

READINGS = Counter("scim_operator_readings", "Readings of tenants' service status.", ("result",))

REPAIRS = Counter(
    "scim_operator_repairs",
    "Repairs of tenants' objects that another client had changed.",
    ("kind",),
)


def set_namespace_served(namespace: str, *, is_served: bool) -> None:
    """Set whether a namespace of the setting ``watch_namespaces`` is served."""
    _SERVED.labels(namespace).set(is_served)
