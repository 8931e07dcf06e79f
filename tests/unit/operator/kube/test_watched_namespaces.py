"""Whether an operator looks after a tenant, as the Lease that its status names tells."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from scim_operator.api.tenant import Key
from scim_operator.kube import watched_namespaces
from scim_operator.kube.lease import renewed
from scim_operator.settings import Settings
from scim_operator.status import tenant_status

from tests.unit.operator.sample import NOW, make, observed

KEY = Key("team-a", "contoso")
LEASE = "scim-system/scim-operator"


def lease(*namespaces: str, age: timedelta = timedelta(seconds=5)) -> dict[str, Any]:
    """The Lease of an operator that watches some namespaces."""
    settings = Settings(identity="me", watch_namespaces=namespaces)
    return renewed(None, settings, "scim-operator", NOW - age)


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        (lease(), None),
        (lease("team-a"), None),
        (lease("team-b", "team-a"), None),
        (lease("team-a", age=timedelta(seconds=120)), None),
        (lease("team-b", "team-aa"), "does not watch namespace team-a"),
        (lease(age=timedelta(seconds=121)), "since 2026-11-25 08:57 UTC, so none is at work"),
        (None, "is gone"),
        ({"metadata": {}, "spec": {}}, "so none is at work"),
        # Of an operator of an earlier version, which did not say what it watches.
        ({"metadata": {}, "spec": lease()["spec"]}, None),
    ],
)
def test_problem(found: dict[str, Any] | None, problem: str | None) -> None:
    """A Lease that is gone, is not renewed, or is of an operator that looks elsewhere is told."""
    told = watched_namespaces.problem(KEY, LEASE, found, NOW)
    assert (told is None) is (problem is None)
    assert problem is None or (told and problem in told and LEASE in told)


def test_a_renewal_says_what_is_watched() -> None:
    """The annotation follows the settings, and what others have written on the Lease stays."""
    first = lease("team-a")
    first["metadata"]["annotations"]["example.com/owner"] = "platform"
    again = renewed(first, Settings(identity="me"), "scim-operator", NOW)
    assert again["metadata"]["annotations"] == {
        "scim-operator.io/watch-namespaces": "",
        "example.com/owner": "platform",
    }


def test_the_status_names_the_lease() -> None:
    """Whoever reads a tenant learns which operator to look for."""
    seen = observed()
    elected = make(seen, Settings(leader_elect=True))
    assert tenant_status.build(seen, elected, (), NOW).operator == LEASE
    assert tenant_status.build(seen, make(seen), (), NOW).operator is None
