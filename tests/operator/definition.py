"""The definition of ScimTenants as another version has it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster import ControlPlane

_NAME = "scimtenants.scim-operator.io"
RULES = ("x-kubernetes-validations", "pattern")


def _without(schema: Any, refusing: Collection[str]) -> Any:
    """Leave out of a schema what refuses values."""
    if isinstance(schema, list):
        return [_without(part, refusing) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _without(part, refusing) for key, part in schema.items() if key not in refusing}


@contextmanager
def lax(
    cluster: ControlPlane, field: str, refusing: Collection[str] = RULES, part: str = "spec"
) -> Iterator[None]:
    """Have the API server admit in a field what another version's definition admits.

    Parameters
    ----------
    refusing
        Keywords of the schema that do not hold meanwhile.
    part
        Where the field is: ``spec`` or ``status``.
    """
    strict = cluster.kubectl("get", "crd", _NAME, "-o", "json")
    body = json.loads(strict)
    (version,) = body["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]["properties"][part]["properties"]
    root[field] = _without(root[field], refusing)
    patch = {"spec": {"versions": [version]}}
    cluster.kubectl("patch", "crd", _NAME, "--type=merge", "--patch", json.dumps(patch))
    yield
    patch = {"spec": {"versions": json.loads(strict)["spec"]["versions"]}}
    cluster.kubectl("patch", "crd", _NAME, "--type=merge", "--patch", json.dumps(patch))
