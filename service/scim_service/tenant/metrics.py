"""Prometheus metrics of the service."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from scim_service.scim.skipped import Skipped
from scim_service.store.database.database import Volume

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Metrics:
    """The metrics of one tenant, in a registry of their own."""

    def __init__(self, tenant: str, version: str) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "scim_requests",
            "Requests, by method, kind of resource and status.",
            ("tenant", "method", "resource", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "scim_request_seconds",
            "Time from the request's head to the answer's end.",
            ("tenant", "method", "resource"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        resources = Gauge(
            "scim_resources",
            "Stored resources, by kind.",
            ("tenant", "resource"),
            registry=self._registry,
        )
        self._users = resources.labels(tenant, "users")
        self._active_users = resources.labels(tenant, "activeUsers")
        self._groups = resources.labels(tenant, "groups")
        self._last_backup = Gauge(
            "scim_last_backup_timestamp_seconds",
            "When the database was last backed up by this program, 0 for never.",
            ("tenant",),
            registry=self._registry,
        )
        self._volume_size = Gauge(
            "scim_volume_size_bytes",
            "Size of the volume that the database file is on.",
            ("tenant",),
            registry=self._registry,
        )
        self._volume_available = Gauge(
            "scim_volume_available_bytes",
            "Room that is left on the volume that the database file is on.",
            ("tenant",),
            registry=self._registry,
        )
        self._unauthenticated = Counter(
            "scim_unauthenticated_requests",
            "Requests of SCIM without an accepted token.",
            ("tenant",),
            registry=self._registry,
        ).labels(tenant)
        self._management_unauthenticated = Counter(
            "scim_management_unauthenticated_requests",
            "Requests to the management port without its credential, where it asks for it.",
            ("tenant",),
            registry=self._registry,
        ).labels(tenant)
        self._skipped = Counter(
            "scim_skipped_attributes",
            "Attributes that requests named and the service left out.",
            ("tenant", "resource", "reason"),
            registry=self._registry,
        )
        self._dropped = Counter(
            "scim_members_dropped",
            "Memberships that ended as a request for all members of a group did not name them.",
            ("tenant",),
            registry=self._registry,
        ).labels(tenant)
        Gauge("scim_info", "The program.", ("tenant", "version"), registry=self._registry).labels(
            tenant, version
        ).set(1)
        self._tenant = tenant
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, resource: str, status: int, seconds: float) -> None:
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

    def unauthenticated(self) -> None:
        """Count a request without an accepted token."""
        self._unauthenticated.inc()

    def skipped(self, resource: str, names: Skipped) -> None:
        """Count the attributes that a request named and the service left out."""
        for each in names:
            self._skipped.labels(self._tenant, resource, each.reason).inc()

    def dropped(self, members: int) -> None:
        """Count memberships that ended as a request for all members did not name them."""
        self._dropped.inc(members)

    def management_unauthenticated(self) -> None:
        """Count a request to the management port without its credential."""
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
            In seconds since 1970, 0 for never; None where the service makes none.
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
