"""The CRD in the repository equals the generated one, and every field is described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from scim_operator.api.crd import build_definition, render_manifest

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("folder", ["crds", "charts/scim-operator/files/crds"])
def test_no_drift(folder: str) -> None:
    """The generated files are up to date."""
    found = (ROOT / folder / "scim-operator.io_scimtenants.yaml").read_text(encoding="utf-8")
    assert found == render_manifest()


def _descriptions(schema: dict[str, Any], path: str) -> list[str]:
    missing = [] if schema.get("description") or path.endswith("[]") else [path]
    for name, part in schema.get("properties", {}).items():
        missing += _descriptions(part, f"{path}.{name}")
    if "items" in schema:
        missing += _descriptions(schema["items"], f"{path}[]")
    return missing


def test_every_field_is_described() -> None:
    """Every field has a description for kubectl explain."""
    (version,) = build_definition()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]["properties"]
    assert _descriptions(schema["spec"], "spec") == []
    assert _descriptions(schema["status"], "status") == []


def test_rules_have_messages() -> None:
    """Every CEL rule has a message for the user."""

    def rules(schema: Any) -> list[dict[str, str]]:
        if isinstance(schema, list):
            return [rule for item in schema for rule in rules(item)]
        if not isinstance(schema, dict):
            return []
        own = schema.get("x-kubernetes-validations", [])
        return [*own, *(rule for part in schema.values() for rule in rules(part))]

    found = rules(build_definition())
    assert found
    assert all(len(rule["message"]) > 20 for rule in found)
