"""The addresses that the program listens on."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.families import FAMILIES, answering, needs_namespaces
from tests.service.program import client, program


@needs_namespaces
@pytest.mark.parametrize("families", FAMILIES)
def test_a_pod_listens_on_each_family_there_is(families: str, tmp_path: Path) -> None:
    """Probes are answered on IPv4, IPv6 and dual-stack clusters."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"tenant": "a/b", "basePath": "/scim"}))
    command = [sys.executable, "-m", "scim_service", "serve"]
    command += ["--config", str(config), "--token", "t" * 40]
    command += ["--database", f"sqlite:///{tmp_path / 'scim.db'}"]
    assert answering(families, command, ":8081/-/healthz", os.environ) == families


def test_the_url_of_an_ipv6_address_has_brackets(tmp_path: Path) -> None:
    """The Tenant URL that `serve --host ::1` prints answers requests."""
    with program(f"sqlite:///{tmp_path / 'scim.db'}", "--host", "::1") as (_, url):
        assert url.startswith("http://[::1]:")
        with client(url) as scim:
            assert scim.get("/Users").status_code == 200
