"""One request as the use cases know it, whatever brought it."""

from dataclasses import dataclass, field

from scim_service.scim import errors
from scim_service.scim.budget import Budget
from scim_service.scim.skipped import Skipped
from scim_service.store.activity.audit_context import AuditContext

OPERATIONS = {"POST": "create", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"}
"""What a method does, as it is called in the log."""


@dataclass(slots=True)
class RequestContext:
    """What is known of a request; the gate makes it, and the log is written from it.

    Parameters
    ----------
    started
        When its head was read, by `time.perf_counter`.
    budget
        What its comparisons are paid from.
    source
        Where it comes from.
    peer
        The address and port of the connection that brought it.
    edge_id, agent, forwarded
        The id that the edge has given it, what the client calls itself, and the addresses that it
        was forwarded for.
    base
        The tenant's URL as the client knows it, without a slash at its end.
    operation
        What it is in the log: ``read``, ``create``, ``replace``, ``patch``, ``delete``, ``bulk``.
    probe
        Whether it is a read that says of itself that it only looks after the tenant. A write is
        never a probe, since it changes the tenant whatever it says of itself.
    logged
        Whether it has a line in the access log.
    size
        How large its body is, or the part of it that an operation of a bulk request has.
    held
        How much of the room for large bodies it has, until it is answered.
    failed
        Whether the log has an error that nobody foresaw.
    skipped
        The attributes that it names and the service leaves out.
    dropped
        How many memberships ended as it was for all members of a group and did not name them.
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
        """Return where a write comes from."""
        return AuditContext(
            operation,
            self.token_id,
            self.request_id,
            self.started,
            self.edge_id,
            self.source,
            self.agent,
        )

    def refused(self, error: errors.ScimError) -> None:
        """Note why it is refused."""
        self.scim_type = error.scim_type
        self.reason = error.reason
