"""Tests of the decisions before a rotation."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api.tenant import Tenant
from scim_operator.cli.commands.rotate import _find_unused_token, _require_rotatable
from scim_operator.cli.errors import ClusterError

from tests.unit.operator.cli.doctor.sample import NOW_TEXT, tenant

USED = {"id": "used", "createdAt": NOW_TEXT, "lastUsed": NOW_TEXT}
NEW = {"id": "new", "createdAt": NOW_TEXT}


@pytest.mark.parametrize(
    ("accepted", "unused"),
    [([], None), ([NEW], None), ([USED], None), ([USED, NEW], "new"), ([NEW, USED], None)],
    ids=["no token", "first token", "used token", "unused rotation", "used rotation"],
)
def test_unused_token(accepted: list[dict[str, Any]], unused: str | None) -> None:
    """Only an unused token of an earlier rotation is one; the first token is not."""
    found = _find_unused_token(tenant(accepted=accepted))
    assert (found.id if found else None) == unused


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (tenant({"token": {"existingSecret": "mine"}}), "write the new token there"),
        (tenant(annotations={"scim-operator.io/paused": "true"}), "remove it first"),
    ],
    ids=["own Secret", "paused"],
)
def test_no_rotation(found: Tenant, words: str) -> None:
    """A token of the user's own Secret, or of a paused tenant, is not rotated."""
    with pytest.raises(ClusterError, match=words):
        _require_rotatable(found, revoke=False)


def test_revocation_with_own_secret() -> None:
    """Revocation works with a token of the user's own Secret, too."""
    _require_rotatable(tenant({"token": {"existingSecret": "mine"}}), revoke=True)
