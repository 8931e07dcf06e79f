"""Search requests and list responses."""

from typing import Any

import pytest
from scim_service.scim import errors
from scim_service.scim.messages import (
    URN_SEARCH_REQUEST,
    SearchRequest,
    build_list_response,
    parse_search_request,
)


def test_empty_list_response() -> None:
    """Section 1.1: an empty answer is a whole ListResponse."""
    assert build_list_response([]) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": 0,
        "itemsPerPage": 0,
        "startIndex": 1,
        "Resources": [],
    }


def test_list_response_by_cursor() -> None:
    """A page by cursor has the next cursor instead of an index (RFC 9865)."""
    body = build_list_response([{}], total=9, start_index=None, next_cursor="n")
    assert "startIndex" not in body
    assert (body["nextCursor"], body["totalResults"]) == ("n", 9)


def test_search_request() -> None:
    """A search has the parameters of a query, its member names in any case."""
    assert parse_search_request(
        {
            "schemas": [URN_SEARCH_REQUEST],
            "Filter": "title pr",
            "attributes": ["userName", "emails"],
            "excludedAttributes": "meta",
            "sortBy": "userName",
            "startIndex": 1,
            "count": 10,
        }
    ) == SearchRequest("title pr", ("userName", "emails"), ("meta",), "userName", None, 1, 10)


@pytest.mark.parametrize(
    ("change", "scim_type"),
    [
        ({"schemas": []}, "invalidSyntax"),
        ({"filter": 5}, "invalidValue"),
        ({"attributes": [5]}, "invalidValue"),
        ({"count": True}, "invalidValue"),
        ({"startIndex": 1.5}, "invalidValue"),
    ],
)
def test_bad_search_request(change: dict[str, Any], scim_type: str) -> None:
    """A search with a member of another type is refused."""
    with pytest.raises(errors.ScimError) as caught:
        parse_search_request({"schemas": [URN_SEARCH_REQUEST], **change})
    assert caught.value.scim_type == scim_type
