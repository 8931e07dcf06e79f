"""The copies of watched objects: versions, changes, deletions, and the index by tenant."""

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
    """An empty cache."""
    return Cache()


def owned(name: str = "contoso-scim", version: int = 1, **more: Any) -> dict[str, Any]:
    """An object of the tenant."""
    metadata = {
        "name": name,
        "namespace": KEY.namespace,
        "resourceVersion": str(version),
        "creationTimestamp": "2026-11-25T08:00:00Z",
        "labels": {names.TENANT_LABEL: KEY.name},
    }
    return {"metadata": metadata, "spec": {}} | more


def test_older_version_is_dropped(cache: Cache) -> None:
    """An event that is older than the answer to a write changes nothing."""
    assert cache.put(SERVICE, owned(version=10, spec={"a": "new"})) == {KEY}
    assert cache.put(SERVICE, owned(version=9, spec={"a": "old"})) == set()
    assert cache.children(KEY)[SERVICE, "contoso-scim"]["spec"] == {"a": "new"}


def test_versions_are_numbers(cache: Cache) -> None:
    """Version 9 is older than version 10."""
    cache.put(SERVICE, owned(version=9))
    cache.put(SERVICE, owned(version=10, spec={"a": "new"}))
    assert cache.children(KEY)[SERVICE, "contoso-scim"]["metadata"]["resourceVersion"] == "10"


def test_same_content_is_no_change(cache: Cache) -> None:
    """A new version with the same content enqueues no tenant."""
    cache.put(SERVICE, owned(version=1))
    assert cache.put(SERVICE, owned(version=2)) == set()


def test_late_event_of_a_deleted_object(cache: Cache) -> None:
    """A deleted object returns by a newer event, not by an older one."""
    cache.put(SERVICE, owned(version=1))
    assert cache.remove(SERVICE, owned(version=3)) == {KEY}
    assert cache.put(SERVICE, owned(version=2)) == set()
    assert cache.put(SERVICE, owned(version=4)) == {KEY}


def test_list_replaces(cache: Cache) -> None:
    """A complete list removes the objects that it lacks, unless they are newer than the list."""
    cache.put(SERVICE, owned("gone", version=1))
    cache.put(SERVICE, owned("newer", version=9))
    cache.put(SERVICE, owned("listed", version=2))
    cache.retain(SERVICE, None, {identify(SERVICE, owned("listed"))}, 5)
    assert {name for _, name in cache.children(KEY)} == {"listed", "newer"}


def test_pods(cache: Cache) -> None:
    """Pods are not among the children, and are kept without their specs."""
    cache.put(POD, owned("pod", status={"phase": "Running"}))
    assert cache.children(KEY) == {}
    assert "spec" not in cache.pods(KEY)[0]


def test_tenants(cache: Cache) -> None:
    """Only ScimTenants are listed as tenants, until they are deleted."""
    cache.put(TENANT, body())
    cache.put(TENANT, body("fabrikam"))
    cache.put(SERVICE, owned())
    assert set(cache.tenants()) == {KEY, OTHER}
    assert cache.remove(TENANT, body("fabrikam", version=2)) == {OTHER}
    assert cache.tenants() == [KEY]


def test_unreadable_tenant(cache: Cache) -> None:
    """A tenant with an unreadable spec can be stored, and its deleted token is remembered."""
    stored = {"exposure": {"host": "Not_A_Host"}, "token": 1}
    assert cache.put(TENANT, body(spec=stored)) == {KEY}
    cache.put(SECRET, owned("contoso-scim-token"))
    cache.remove(SECRET, owned("contoso-scim-token", version=2))
    assert cache.deleted_token(KEY) is not None


def test_deleted_token_secret(cache: Cache) -> None:
    """The deleted token Secret of an existing tenant is remembered until it is restored."""
    cache.put(TENANT, body())
    secret = owned("contoso-scim-token", data={"secretToken": "eA=="})
    cache.put(SECRET, secret)
    cache.remove(SECRET, owned("contoso-scim-token", version=2))
    deleted = cache.deleted_token(KEY)
    assert deleted is not None
    assert deleted["data"] == secret["data"]
    cache.put(SECRET, owned("contoso-scim-token", version=3))
    assert cache.deleted_token(KEY) is None


@pytest.mark.finding("S5")
def test_labels_and_annotations_of_others_are_not_kept(cache: Cache) -> None:
    """Labels and annotations of others, of up to 256 KiB, take no memory."""
    tenant = body(annotations={names.ROTATE_ANNOTATION: "1", "example.com/notes": "x" * 200_000})
    tenant["metadata"]["labels"] = {"team": "a"}
    cache.put(TENANT, tenant)
    kept = cache.tenant(KEY)
    assert kept
    assert kept.annotations == {names.ROTATE_ANNOTATION: "1"}
    (copy,) = cache._copies.values()
    assert len(copy.text) < 1000
