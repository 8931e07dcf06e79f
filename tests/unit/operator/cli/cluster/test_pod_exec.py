"""Tests of the exit status of a command in a pod."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.cli.cluster.pod_exec import _read_exit_code
from scim_operator.cli.errors import ClusterError

CAUSES = {"causes": [{"reason": "ExitCode", "message": "7"}]}


@pytest.mark.parametrize(
    ("status", "code"),
    [({"status": "Success"}, 0), ({"status": "Failure", "details": CAUSES}, 7)],
)
def test_read_exit_code(status: dict[str, Any], code: int) -> None:
    """The exit status is in the causes of a failed command."""
    assert _read_exit_code(json.dumps(status).encode()) == code


def test_command_not_run() -> None:
    """A command that did not run is an error with the API server's reason."""
    status = {"status": "Failure", "message": "container not found", "details": None}
    with pytest.raises(ClusterError, match="did not run in the pod: container not found"):
        _read_exit_code(json.dumps(status).encode())
