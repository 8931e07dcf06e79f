"""The context of one request."""

from dataclasses import dataclass, field

from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.skipped import Skipped
from scim_service.store.activity.audit_context import AuditContext

OPERATIONS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
"""The name that the log has for what a method does."""

WRITES = frozenset(OPERATIONS.values())
"""The operations that change a resource. Those of a Bulk request are noted one by one."""


@dataclass(slots=True)
class RequestContext:
    """A request as the use cases know it; the middleware creates it and writes the logs from it.

    Parameters
    ----------
    started
        The time at which the request's head was read, by `time.perf_counter`.
    budget
        The comparisons that the request may cost.
    source
        The address of the client.
    peer
        The address and port of the connection.
    edge_id, agent, forwarded
        The id from the edge in front of the service, the client's name for itself, and the
        addresses in ``X-Forwarded-For``.
    base
        The tenant's URL as the client knows it, without a slash at its end.
    operation
        Its name in the log: ``read``, ``create``, ``replace``, ``patch``, ``delete``, ``bulk``.
    probe
        Whether it is a read with the header ``Scim-Probe``. A write is never a probe, since it
        changes the tenant whatever headers it has.
    logged
        Whether the access log has a line for it.
    size
        The size of its body; for an operation of a Bulk request, that operation's part of it.
    held
        The memory for large bodies that it has until it is answered.
    failed
        Whether the log has an unexpected error of it.
    skipped
        The attributes that it names and the service skips.
    dropped
        The memberships that ended because it was for all members of a group and did not name them.
    """

    request_id: str
    started: float
    budget: Budget
    source: str = ""
    peer: tuple[str, int] | None = None
    edge_id: str | None = None
    agent: str | None = None
    forwarded: str | None = None
    token_id: str | None = None
    base: str = ""
    resource_type: str | None = None
    resource_id: str | None = None
    scim_type: str | None = None
    reason: str | None = None
    operation: str = "read"
    probe: bool = False
    logged: bool = True
    size: int = 0
    held: int = 0
    failed: bool = False
    skipped: Skipped = field(default_factory=Skipped)
    dropped: int = 0

    def audit_context(self, operation: str) -> AuditContext:
        """Return what the provisioning log has of the request."""
        return AuditContext(
            operation,
            self.token_id,
            self.request_id,
            self.started,
            self.edge_id,
            self.source,
            self.agent,
        )

    def note_refusal(self, error: errors.ScimError) -> None:
        """Note the reason of a refusal."""
        self.scim_type = error.scim_type
        self.reason = error.reason
