"""Names of a tenant's objects are valid in Kubernetes."""

from __future__ import annotations

from scim_operator.api import names


def test_longest_tenant_name() -> None:
    """The Service of a tenant with the longest name has a valid name."""
    assert len(names.workload("a" * names.MAX_TENANT_NAME)) == 63


def test_url_claims_differ() -> None:
    """Every operator, host and path has a URL claim with its own short name."""
    claims = {
        names.url_claim(lease, host, path)
        for lease in ("a", "b")
        for host in ("scim.example.com", "scim.example.org")
        for path in ("/a", "/b")
    }
    assert len(claims) == 8
    assert {len(claim) for claim in claims} == {41}


def test_selector_is_part_of_the_pod_labels() -> None:
    """A tenant's selector selects its pods."""
    assert names.selector("contoso").items() <= names.pod_labels("contoso").items()
