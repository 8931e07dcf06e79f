"""Where the operator listens."""

import os
import sys
from pathlib import Path

import pytest

from tests.families import FAMILIES, answering, needs_namespaces

# Its API server never answers; health is told before it does.
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: none, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {}}]
contexts: [{name: none, context: {cluster: none, user: nobody}}]
current-context: none
"""


@needs_namespaces
@pytest.mark.parametrize("families", FAMILIES)
def test_probes_are_answered_on_each_family_there_is(families: str, tmp_path: Path) -> None:
    """The operator is healthy on a cluster of IPv4, of IPv6, and of both."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(KUBECONFIG)
    command = [sys.executable, "-m", "scim_operator", "run", f"--kubeconfig={kubeconfig}"]
    assert answering(families, command, ":8080/healthz", os.environ) == families
