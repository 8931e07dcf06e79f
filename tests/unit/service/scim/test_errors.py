"""Errors and their messages."""

from scim_service.scim import errors


def test_error_body() -> None:
    """An error message has the members of RFC 7644 section 3.12, the status as text."""
    assert errors.uniqueness("Taken.").body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "Taken.",
    }
    assert "scimType" not in errors.not_found("There is none.").body()
