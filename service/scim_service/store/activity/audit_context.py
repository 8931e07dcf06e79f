"""The origin of a write or of a refused request, as the provisioning log names it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuditContext:
    """The request that a line of the provisioning log is about.

    Parameters
    ----------
    started
        When the request arrived, by `time.perf_counter`.
    edge_id
        The id that the proxy in front of the service gave the request.
    source
        The address of the client.
    agent
        The client's User-Agent.
    """

    operation: str
    token_id: str | None
    request_id: str
    started: float
    edge_id: str | None = None
    source: str | None = None
    agent: str | None = None
