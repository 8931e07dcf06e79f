"""Where a write or a refusal came from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditContext:
    """Where a write comes from, for the provisioning log.

    Parameters
    ----------
    started
        When the request came, by `time.perf_counter`.
    edge_id
        The id that the edge in front of the service has given the request.
    source, agent
        The address of the client, and what it calls itself.
    """

    operation: str
    token_id: str | None
    request_id: str
    started: float
    edge_id: str | None = None
    source: str | None = None
    agent: str | None = None
