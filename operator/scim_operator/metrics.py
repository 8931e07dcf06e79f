"""The operator's metrics, under the names that dashboards of controllers already know."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

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


def show_namespace(namespace: str, *, is_served: bool) -> None:
    """Show whether one of the namespaces that are named in the settings is served."""
    _SERVED.labels(namespace).set(is_served)
