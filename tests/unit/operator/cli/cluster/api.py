"""An API server of stored responses, for tests of requests and their errors."""

from __future__ import annotations

import json
from typing import Any

from scim_operator.cli.cluster.client import Cluster


class StoredApi:
    """Answers requests from a table of paths; 404 for all other paths."""

    def __init__(self, responses: dict[str, tuple[int, Any]]) -> None:
        self._responses = responses

    def request(self, method: str, target: str, *_: Any) -> tuple[int, bytes]:
        """Return the status and body for the path."""
        missing = (404, {"message": "not found"})
        status, body = self._responses.get(target.partition("?")[0], missing)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


def cluster(responses: dict[str, tuple[int, Any]]) -> Cluster:
    """Return a client of stored responses, in namespace team-a."""
    server: Any = StoredApi(responses)
    return Cluster(server, "team-a")
