"""The spec has usable defaults."""

from __future__ import annotations

from scim_operator.api.v1alpha1.spec import Spec


def test_empty_spec() -> None:
    """An empty spec is valid and has a SQLite database."""
    assert Spec.model_validate({}).database.sqlite is not None
