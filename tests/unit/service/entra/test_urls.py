"""Paths of requests, as Entra asks for them."""

import pytest
from scim_service.entra.urls import correct_endpoint, merge_slashes


@pytest.mark.parametrize(
    ("path", "corrected"),
    [
        ("/Users", "/Users"),
        ("/users/A-b", "/Users/A-b"),
        ("/GROUPS/.search", "/Groups/.search"),
        ("/serviceproviderconfig", "/ServiceProviderConfig"),
        ("/unknown/Users", "/unknown/Users"),
        ("/", "/"),
    ],
)
def test_the_endpoint_is_found_in_any_case(path: str, corrected: str) -> None:
    """Only the first segment is corrected: an id is case-sensitive."""
    assert correct_endpoint(path) == corrected


@pytest.mark.parametrize(
    ("path", "merged"), [("//Users", "/Users"), ("/a///b", "/a/b"), ("/a", "/a")]
)
def test_repeated_slashes_are_one(path: str, merged: str) -> None:
    """A Tenant URL may end with a slash."""
    assert merge_slashes(path) == merged
