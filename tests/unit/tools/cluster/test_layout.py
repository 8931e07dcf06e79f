"""Nodes of different state folders do not get into each other's way."""

from pathlib import Path

import pytest

from tests.cluster.layout import cgroup_name, state_dir


def test_each_state_folder_has_its_control_group() -> None:
    """One node's pods are never removed with another's."""
    assert cgroup_name(Path("/a")) != cgroup_name(Path("/b"))


def test_the_state_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment variable moves the node."""
    monkeypatch.setenv("SCIM_OPERATOR_NODE", str(tmp_path / "a node"))
    assert state_dir() == tmp_path / "a node"
