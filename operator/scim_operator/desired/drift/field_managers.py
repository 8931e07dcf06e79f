"""Which client has set a field, from `metadata.managedFields`.

Every client chooses its own name, so names appear in messages and decide nothing. The format:
https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

import json

from scim_operator.api import names
from scim_operator.desired.drift.differences import Item, Path
from scim_operator.kube.kinds import Object

_LEAF = {"", "."}


def find_manager(live: Object, path: Path) -> str | None:
    """Return the client that has set a field, or else the last client to write; None without one.

    The operator and clients that write only the object's status are ignored.
    """
    entries = [
        entry
        for entry in live["metadata"].get("managedFields") or ()
        if entry.get("manager") != names.MANAGER and entry.get("subresource") != "status"
    ]
    owners = [entry for entry in entries if _is_owned(entry.get("fieldsV1") or {}, path)]
    latest = max(owners or entries, key=lambda entry: str(entry.get("time", "")), default=None)
    if latest is None:
        return None
    name: str = latest.get("manager") or "a client without a name"
    return f"{name} ({latest['subresource']})" if latest.get("subresource") else name


def _is_owned(fields: Object, path: Path) -> bool:
    for step in path:
        found = _find_step(fields, step)
        if found is None:
            # An atomic list or object is owned as a whole.
            return not fields.keys() - _LEAF
        fields = found
    return True


def _find_step(fields: Object, step: str | int | Item) -> Object | None:
    if isinstance(step, str):
        return fields.get(f"f:{step}")
    for key, inner in fields.items():
        if isinstance(step, Item) and key.startswith("k:"):
            if json.loads(key[2:]).get(step.key) == step.value:
                return dict(inner)
        elif key == f"i:{step}":
            return dict(inner)
    return None
