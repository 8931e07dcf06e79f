"""Messages about attributes that Entra's mappings do not send."""

from scim_service.entra.mappings import explain_missing_values


def test_missing_values_are_explained_with_their_sources() -> None:
    """A message names the source of a default mapping, or asks the reader to map the attribute."""
    detail = explain_missing_values(["title", "urn:example:x:2.0:User:badge"])
    assert "title (usually from jobTitle, to title)" in detail
    assert "(usually from a source attribute you map to urn:example:x:2.0:User:badge)" in detail
    assert "Provision Microsoft Entra ID Users" in detail
