"""Which client is named as the one that has set a field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scim_operator.desired.drift.differences import Item, Path
from scim_operator.desired.drift.field_managers import find_manager

CONTAINER = 'k:{"name":"scim"}'
PORT = 'k:{"port":80,"protocol":"TCP"}'


def _entry(manager: str, time: str, fields: Any, **more: str) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields, **more}


LIVE = {
    "metadata": {
        "managedFields": [
            _entry("scim-operator", "5", {"f:spec": {"f:replicas": {}}}),
            _entry("status-writer", "9", {"f:status": {}}, subresource="status"),
            _entry("autoscaler", "1", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
            _entry(
                "mirror",
                "2",
                {"f:spec": {"f:containers": {CONTAINER: {".": {}, "f:image": {}}}}},
            ),
            _entry("atomic", "3", {"f:spec": {"f:tolerations": {}, "f:ports": {PORT: {}}}}),
            _entry("last", "4", {"f:metadata": {"f:labels": {"f:app.io/team": {}}}}),
        ]
    }
}


@pytest.mark.parametrize(
    ("path", "manager"),
    [
        (("spec", "replicas"), "autoscaler (scale)"),
        (("spec", "containers", Item("name", "scim"), "image"), "mirror"),
        (("spec", "tolerations", 0, "key"), "atomic"),
        (("spec", "ports", Item("port", 80), "name"), "atomic"),
        (("metadata", "labels", "app.io/team"), "last"),
        # Nobody owns what was taken away: it may have been who wrote last.
        (("spec", "containers", Item("name", "other")), "last"),
        (("data",), "last"),
    ],
)
def test_manager_of(path: Path, manager: str) -> None:
    """The owner of the field, or else the latest writer, never the operator."""
    assert find_manager(json.loads(json.dumps(LIVE)), path) == manager


def test_nobody() -> None:
    """Cleared managedFields name no client."""
    assert find_manager({"metadata": {}}, ("spec",)) is None
    assert find_manager({"metadata": {"managedFields": []}}, ("spec",)) is None
