"""Tests of the steps in the Entra portal."""

from __future__ import annotations

from scim_operator.api.v1alpha1.provisioning import Provisioning
from scim_operator.cli.doctor.entra_portal import list_steps


def test_steps() -> None:
    """The steps name the tenant's required attributes and its limit of users."""
    limited = Provisioning(required_attributes=("emails", "title"), max_users=9)
    text = "\n".join(list_steps(limited))
    assert "refuses users without a value for emails, title" in text
    assert "at most 9 of them can be active" in text
    plain = "\n".join(list_steps(Provisioning()))
    assert "refuses" not in plain
    assert "at most" not in plain
