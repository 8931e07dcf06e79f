"""The Prometheus metrics of a tenant."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scim_service.scim.skipped import Skipped
from scim_service.store.database.database import Volume

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


_HELP = {
    "scim_requests": "Requests, by method, type of resource and status.",
    "scim_request_seconds": "Time from the head of a request to the end of its answer.",
    "scim_resources": "Stored resources, by type.",
    "scim_last_backup_timestamp_seconds": "Time of the last backup by this program, 0 for never.",
    "scim_volume_size_bytes": "Size of the volume that has the database file.",
    "scim_volume_available_bytes": "Free space on the volume that has the database file.",
    "scim_unauthenticated_requests": "SCIM requests without an accepted token.",
    "scim_management_unauthenticated_requests": (
        "Requests to the management port without the access credential, where a path requires it."
    ),
    "scim_skipped_attributes": "Attributes that requests named and the service skipped.",
    "scim_members_dropped": (
        "Memberships that ended because a request for all members of a group did not name them."
    ),
    "scim_info": "Version of the program.",
}
"""The metrics, each with its description."""

Metric = TypeVar("Metric", Counter, Gauge, Histogram)


class Metrics:
    """The metrics of one tenant, in a registry of their own."""

    def __init__(self, tenant: str, version: str) -> None:
        self._registry = CollectorRegistry()
        self._tenant = tenant
        self._requests = self._add(Counter, "scim_requests", "method", "resource", "status")
        self._seconds = self._add(
            Histogram, "scim_request_seconds", "method", "resource", buckets=_BUCKETS
        )
        resources = self._add(Gauge, "scim_resources", "resource")
        self._users = resources.labels(tenant, "users")
        self._active_users = resources.labels(tenant, "activeUsers")
        self._groups = resources.labels(tenant, "groups")
        self._last_backup = self._add(Gauge, "scim_last_backup_timestamp_seconds")
        self._volume_size = self._add(Gauge, "scim_volume_size_bytes")
        self._volume_available = self._add(Gauge, "scim_volume_available_bytes")
        self._unauthenticated = self._add(Counter, "scim_unauthenticated_requests").labels(tenant)
        self._management_unauthenticated = self._add(
            Counter, "scim_management_unauthenticated_requests"
        ).labels(tenant)
        self._skipped = self._add(Counter, "scim_skipped_attributes", "resource", "reason")
        self._dropped = self._add(Counter, "scim_members_dropped").labels(tenant)
        self._add(Gauge, "scim_info", "version").labels(tenant, version).set(1)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def _add(self, kind: type[Metric], name: str, *labels: str, **options: Any) -> Metric:
        return kind(name, _HELP[name], ("tenant", *labels), registry=self._registry, **options)

    def count_request(self, method: str, resource: str, status: int, seconds: float) -> None:
        """Count a request."""
        key = (method, resource, status)
        children = self._children.get(key)
        if children is None:
            # Finding a child by its labels costs more than counting does.
            children = self._children[key] = (
                self._requests.labels(self._tenant, method, resource, str(status)),
                self._seconds.labels(self._tenant, method, resource),
            )
        children[0].inc()
        children[1].observe(seconds)

    def count_unauthenticated(self) -> None:
        """Count a request without an accepted token."""
        self._unauthenticated.inc()

    def count_skipped(self, resource: str, names: Skipped) -> None:
        """Count the attributes that a request named and the service skipped."""
        for each in names:
            self._skipped.labels(self._tenant, resource, each.reason).inc()

    def count_dropped(self, members: int) -> None:
        """Count memberships that ended because a request for all members did not name them."""
        self._dropped.inc(members)

    def count_management_unauthenticated(self) -> None:
        """Count a request to the management port without the access credential."""
        self._management_unauthenticated.inc()

    def render(
        self,
        *,
        users: int,
        active_users: int,
        groups: int,
        last_backup: float | None,
        volume: Volume | None,
    ) -> bytes:
        """Return the metrics in Prometheus' text format.

        Parameters
        ----------
        last_backup
            In seconds since 1970, 0 for never; None where the program writes no backups.
        volume
            None where the database is no file.
        """
        self._users.set(users)
        self._active_users.set(active_users)
        self._groups.set(groups)
        if last_backup is not None:
            self._last_backup.labels(self._tenant).set(last_backup)
        if volume is not None:
            self._volume_size.labels(self._tenant).set(volume.size)
            self._volume_available.labels(self._tenant).set(volume.available)
        return generate_latest(self._registry)
