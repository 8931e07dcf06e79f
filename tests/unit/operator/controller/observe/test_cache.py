"""The watched copies: never older than what is known, and found by tenant."""

from __future__ import annotations

from typing import Any

import pytest
from scim_operator.api import names
from scim_operator.api.tenant import Key
from scim_operator.controller.observe.cache import Cache, identify
from scim_operator.kube.kinds import POD, SECRET, SERVICE, TENANT

from tests.unit.operator.sample import body

KEY = Key("team-a", "contoso")
OTHER = Key("team-a", "fabrikam")


@pytest.fixture
def cache() -> Cache:
    """A cache that knows nothing."""
    return Cache()


def owned(name: str = "contoso-scim", version: int = 1, **more: Any) -> dict[str, Any]:
    """An object of the tenant's."""
    metadata = {
        "name": name,
        "namespace": KEY.namespace,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-11-25T08:00:00Z",
        "labels": {names.TENANT_LABEL: KEY.name},
    }
    return {"metadata": metadata, "spec": {}} | more


def test_older_version_is_dropped(cache: Cache) -> None:
    """An event from before the answer to a write changes nothing."""
    assert cache.put(SERVICE, owned(version=10, spec={"a": "new"})) == {KEY}
    assert cache.put(SERVICE, owned(version=9, spec={"a": "old"})) == set()
    assert cache.children(KEY)[SERVICE, "contoso-scim"]["spec"] == {"a": "new"}


def test_versions_are_numbers(cache: Cache) -> None:
    """9 is older than 10."""
    cache.put(SERVICE, owned(version=9))
    cache.put(SERVICE, owned(version=10, spec={"a": "new"}))
    assert cache.children(KEY)[SERVICE, "contoso-scim"]["metadata"]["resourceVersion"] == "10"


def test_same_content_is_no_news(cache: Cache) -> None:
    """A new version of the same content wakes nobody."""
    cache.put(SERVICE, owned(version=1))
    assert cache.put(SERVICE, owned(version=2)) == set()


def test_late_event_of_a_deleted_object(cache: Cache) -> None:
    """What was deleted does not come back by an older event, but by a newer one."""
    cache.put(SERVICE, owned(version=1))
    assert cache.remove(SERVICE, owned(version=3)) == {KEY}
    assert cache.put(SERVICE, owned(version=2)) == set()
    assert cache.put(SERVICE, owned(version=4)) == {KEY}


def test_list_replaces(cache: Cache) -> None:
    """What a complete list does not have is gone, unless it is newer than the list."""
    cache.put(SERVICE, owned("gone", version=1))
    cache.put(SERVICE, owned("newer", version=9))
    cache.put(SERVICE, owned("listed", version=2))
    cache.retain(SERVICE, None, {identify(SERVICE, owned("listed"))}, 5)
    assert {name for _, name in cache.children(KEY)} == {"listed", "newer"}


def test_pods_are_apart(cache: Cache) -> None:
    """Pods are no children, and kept without their specs."""
    cache.put(POD, owned("pod", status={"phase": "Running"}))
    assert cache.children(KEY) == {}
    assert "spec" not in cache.pods(KEY)[0]


def test_tenants(cache: Cache) -> None:
    """The tenants are told from their objects, and one that is gone is no longer told."""
    cache.put(TENANT, body())
    cache.put(TENANT, body("fabrikam"))
    cache.put(SERVICE, owned())
    assert set(cache.tenants()) == {KEY, OTHER}
    assert cache.remove(TENANT, body("fabrikam", version=2)) == {OTHER}
    assert cache.tenants() == [KEY]


def test_unreadable_tenant(cache: Cache) -> None:
    """A stored spec that no model knows stops neither the watches nor a lost token's return."""
    stored = {"exposure": {"host": "Not_A_Host"}, "token": 1}
    assert cache.put(TENANT, body(spec=stored)) == {KEY}
    cache.put(SECRET, owned("contoso-scim-token"))
    cache.remove(SECRET, owned("contoso-scim-token", version=2))
    assert cache.deleted_token(KEY) is not None


def test_lost_token_secret(cache: Cache) -> None:
    """A token Secret that is deleted beside its tenant is remembered until it is back."""
    cache.put(TENANT, body())
    secret = owned("contoso-scim-token", data={"secretToken": "eA=="})
    cache.put(SECRET, secret)
    cache.remove(SECRET, owned("contoso-scim-token", version=2))
    lost = cache.deleted_token(KEY)
    assert lost is not None
    assert lost["data"] == secret["data"]
    cache.put(SECRET, owned("contoso-scim-token", version=3))
    assert cache.deleted_token(KEY) is None


@pytest.mark.finding("S5")
def test_what_owners_write_beside_the_spec_is_not_kept(cache: Cache) -> None:
    """Labels and annotations of others, which may have 256 KiB, take no memory for a tenant."""
    tenant = body(annotations={names.ROTATE_ANNOTATION: "1", "example.com/notes": "x" * 200_000})
    tenant["metadata"]["labels"] = {"team": "a"}
    cache.put(TENANT, tenant)
    kept = cache.tenant(KEY)
    assert kept
    assert kept.annotations == {names.ROTATE_ANNOTATION: "1"}
    (copy,) = cache._copies.values()
    assert len(copy.text) < 1000
