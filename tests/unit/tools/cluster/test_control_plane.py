"""What a control plane does around its servers."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from tests.cluster.control_plane import PORTS, PREFIX, free_ports, remove_abandoned
from tests.cluster.process import ProcessId


def test_ports_differ() -> None:
    """No two servers are given the same port."""
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port in PORTS for port in ports)


def test_ports_of_workers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two workers of pytest are given the same port."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "2")
    found = []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        found += free_ports(50)
    assert len(set(found)) == 100


def test_only_abandoned_folders_are_removed(tmp_path: Path) -> None:
    """A folder goes when its owner is dead; one in use, and one of others, stays."""
    own = ProcessId.of(os.getpid())
    assert own is not None
    for name, owner in (("used", own), ("dead", replace(own, boot="another"))):
        folder = tmp_path / f"{PREFIX}{name}"
        folder.mkdir()
        (folder / "owner.json").write_text(json.dumps(asdict(owner)))
    (tmp_path / f"{PREFIX}unknown").mkdir()
    (tmp_path / "other").mkdir()

    remove_abandoned(tmp_path)

    left = {folder.name for folder in tmp_path.iterdir()}
    assert left == {f"{PREFIX}used", f"{PREFIX}unknown", "other"}
