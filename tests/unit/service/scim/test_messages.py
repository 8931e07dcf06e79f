"""Messages, pages, orders and bulk requests."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim import bulk, errors, paging
from scim_service.scim.messages import (
    URN_BULK_REQUEST,
    URN_ENTERPRISE_USER,
    URN_SEARCH_REQUEST,
    SearchRequest,
    build_list_response,
    parse_search_request,
)
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.sorting import parse_sort, sort_resources

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_error_body() -> None:
    """An error message has the members of RFC 7644 section 3.12, the status as text."""
    assert errors.uniqueness("Taken.").body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "Taken.",
    }
    assert "scimType" not in errors.not_found("There is none.").body()


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
    """A page by cursor has cursors in place of an index (RFC 9865)."""
    body = build_list_response(
        [{}], total=9, start_index=None, next_cursor="n", previous_cursor="p"
    )
    assert "startIndex" not in body
    assert (body["nextCursor"], body["previousCursor"], body["totalResults"]) == ("n", "p", 9)


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


@pytest.mark.parametrize(
    ("start", "count", "page"),
    [
        (None, None, (1, 100)),
        ("1", "2", (1, 2)),
        (6, 5, (6, 5)),
        ("0", "0", (1, 0)),
        ("-7", "-1", (1, 0)),
        (" 3 ", "+4", (3, 4)),
        ("1", "5000", (1, 1000)),
    ],
)
def test_page(start: Any, count: Any, page: tuple[int, int]) -> None:
    """What is out of range is brought into it (RFC 7644 table 6)."""
    parsed = paging.parse_page(start, count, default=100, maximum=1000)
    assert (parsed.start_index, parsed.count) == page
    assert parsed.offset == page[0] - 1


@pytest.mark.parametrize("text", ["", "x", "1.5", "--1", "9" * 5000, 10**30])
def test_bad_page(text: Any) -> None:
    """What is no number is refused by the name of the parameter."""
    with pytest.raises(errors.ScimError, match="count must be an integer"):
        paging.parse_page(1, text, default=100, maximum=1000)
    with pytest.raises(errors.ScimError, match="startIndex must be an integer"):
        paging.parse_page(text, 1, default=100, maximum=1000)


def test_count_with_cursor() -> None:
    """A page by cursor has at least one resource (RFC 9865 section 2.1)."""
    assert paging.parse_cursor_count(None, default=100, maximum=1000) == 100
    assert paging.parse_cursor_count("5000", default=100, maximum=1000) == 1000
    for count in ("0", "-1", "x"):
        with pytest.raises(errors.ScimError) as caught:
            paging.parse_cursor_count(count, default=100, maximum=1000)
        assert caught.value.scim_type == "invalidCount"


def encoded(**change: Any) -> str:
    arguments = {"query": "q", "key": b"k", "now": NOW, **change}
    return paging.encode_cursor(("joy", 7, None), **arguments)


def decoded(cursor: str, now: datetime = NOW) -> tuple[Any, ...]:
    return paging.decode_cursor(cursor, query="q", key=b"k", now=now, timeout=HOUR)


def test_cursor() -> None:
    """A cursor gives its position back until it is too old."""
    assert decoded(encoded(), NOW + HOUR) == ("joy", 7, None)
    with pytest.raises(errors.ScimError) as caught:
        decoded(encoded(), NOW + 2 * HOUR)
    assert caught.value.scim_type == "expiredCursor"


def test_foreign_cursor() -> None:
    """A cursor of another query or another tenant is refused."""
    for cursor in (encoded(query="other"), encoded(key=b"other")):
        with pytest.raises(errors.ScimError) as caught:
            decoded(cursor)
        assert caught.value.scim_type == "invalidCursor"


@given(st.text() | st.binary().map(lambda raw: raw.hex()))
def test_made_up_cursor(cursor: str) -> None:
    """No text but one that was issued is a cursor."""
    with pytest.raises(errors.ScimError) as caught:
        decoded(cursor)
    assert caught.value.scim_type == "invalidCursor"


@given(st.data())
def test_altered_cursor(data: st.DataObject) -> None:
    """A cursor with one character changed is refused."""
    cursor = encoded()
    index = data.draw(st.integers(0, len(cursor) - 2))
    letter = data.draw(st.sampled_from("ABCxyz019-_"))
    altered = cursor[:index] + letter + cursor[index + 1 :]
    if altered != cursor:
        with pytest.raises(errors.ScimError):
            decoded(altered)


PEOPLE: list[dict[str, Any]] = [
    {"id": "1", "userName": "b", "emails": [{"value": "z"}, {"value": "a", "primary": True}]},
    {"id": "2", "userName": "A", "meta": {"created": "2026-01-31T09:00:00+02:00"}},
    {"id": "3", "userName": "c", "meta": {"created": "2026-01-31T08:00:00Z"}},
    {
        "id": "4",
        "userName": "D",
        "emails": [{"value": "B"}],
        URN_ENTERPRISE_USER: {"department": "x"},
    },
]


@pytest.mark.parametrize(
    ("by", "order", "ids"),
    [
        ("userName", None, "2134"),
        ("USERNAME", "Descending", "4312"),
        ("emails", "ascending", "1423"),
        ("emails.value", "descending", "2341"),
        ("meta.created", "ascending", "2314"),
        (f"{URN_ENTERPRISE_USER}:department", "ascending", "4123"),
        ("active", "ascending", "1234"),
    ],
)
def test_sort(user: ResourceType, by: str, order: str | None, ids: str) -> None:
    """The order ignores case, takes the primary value, and puts what has no value last."""
    sort = parse_sort(user, by, order)
    assert sort is not None
    assert "".join(each["id"] for each in sort_resources(sort, PEOPLE)) == ids


@pytest.mark.parametrize("by", ["nothing", "name", "password", "x509Certificates", "a b"])
def test_bad_sort(user: ResourceType, by: str) -> None:
    """An attribute without an order is refused by name."""
    with pytest.raises(errors.ScimError) as caught:
        parse_sort(user, by)
    assert caught.value.scim_type == "invalidPath"


def test_no_sort(user: ResourceType) -> None:
    """Without sortBy there is no order; an order must be one of two words."""
    assert parse_sort(user, None, "descending") is None
    with pytest.raises(errors.ScimError, match="sortOrder must be"):
        parse_sort(user, "userName", "up")


def request(*operations: dict[str, Any], **members: Any) -> bulk.BulkRequest:
    body = {"schemas": [URN_BULK_REQUEST], "Operations": list(operations), **members}
    return bulk.parse_bulk(body, max_operations=5)


def post(bulk_id: str, path: str = "/Users", **data: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def test_bulk_order_and_references() -> None:
    """An operation comes after those it refers to, and gets the ids they were given."""
    parsed = request(
        post("g", "/Groups", members=[{"value": "bulkId:u"}, {"value": "7"}]),
        post("x", displayName="about bulkId:nobody"),
        {
            "method": "PATCH",
            "path": "/Groups/bulkId:g",
            "data": {"Operations": [{"op": "remove", "path": 'members[value eq "bulkId:u"]'}]},
        },
        post("u"),
        failOnErrors=1,
    )
    assert parsed.fail_on_errors == 1
    ordered = bulk.order_operations(parsed.operations)
    assert [each.index for each in ordered] == [3, 0, 1, 2]
    ids = {"u": "id-u", "g": "id-g"}
    assert bulk.resolve_references(ordered[1], ids).data["members"][0] == {"value": "id-u"}
    assert bulk.resolve_references(ordered[2], ids) == ordered[2]
    patch = bulk.resolve_references(ordered[3], ids)
    assert patch.resource_id == "id-g"
    assert patch.data["Operations"][0]["path"] == 'members[value eq "id-u"]'


def test_bulk_cycle_is_refused() -> None:
    """Of two groups that contain each other, the one that comes first cannot be resolved."""
    parsed = request(
        post("a", "/Groups", members=[{"value": "bulkId:b"}]),
        post("b", "/Groups", members=[{"value": "bulkId:a"}]),
    )
    ordered = bulk.order_operations(parsed.operations)
    assert [each.bulk_id for each in ordered] == ["b", "a"]
    with pytest.raises(errors.ScimError, match='bulkId "a"') as caught:
        bulk.resolve_references(ordered[0], {})
    assert caught.value.status == 409


@pytest.mark.parametrize(
    ("operation", "where"),
    [
        ("x", r"Operations\[0\] must be a JSON object"),
        ({"method": "GET", "path": "/Users/1"}, "method must be POST"),
        ({"method": "POST", "data": {}}, "path must be a path"),
        ({"method": "DELETE", "path": "Users/1"}, "path must be a path"),
        ({"method": "DELETE", "path": "/Users"}, "DELETE goes to a path such as /Users/{id}"),
        (post("a", "/Users/1"), "POST goes to a path such as /Users"),
        ({"method": "POST", "path": "/Users", "data": {}}, "bulkId is missing"),
        ({"method": "PUT", "path": "/Users/1"}, "data is missing"),
        ({"method": "DELETE", "path": "/Users/1", "version": 5}, "version must be a string"),
        (post("a", deep=json.loads("[" * 40 + "]" * 40)), "nested more than 32 levels"),
    ],
)
def test_bad_bulk_operation(operation: Any, where: str) -> None:
    """A malformed operation is refused by its place."""
    with pytest.raises(errors.ScimError, match=where) as caught:
        request(operation)
    assert caught.value.status == 400


def test_bad_bulk_request() -> None:
    """Too many operations, a bulkId given twice and a bad limit are refused."""
    with pytest.raises(errors.ScimError, match="at most 5") as caught:
        request(*[post(str(index)) for index in range(6)])
    assert caught.value.status == 413
    with pytest.raises(errors.ScimError, match="same bulkId"):
        request(post("a"), post("a"))
    for limit in (0, True, "1"):
        with pytest.raises(errors.ScimError, match="failOnErrors"):
            request(failOnErrors=limit)
    with pytest.raises(errors.ScimError, match='"Operations"'):
        bulk.parse_bulk({"schemas": [URN_BULK_REQUEST]}, max_operations=5)


def test_bulk_response() -> None:
    """An answer has what there is of an operation, its status as text."""
    operation = request(post("a")).operations[0]
    entry = bulk.build_operation_response(operation, 201, location="l", version='W/"1"')
    failed = bulk.build_operation_response(operation, 409, response={"status": "409"})
    assert bulk.build_bulk_response([entry, failed])["Operations"] == [
        {"method": "POST", "bulkId": "a", "version": 'W/"1"', "location": "l", "status": "201"},
        {"method": "POST", "bulkId": "a", "status": "409", "response": {"status": "409"}},
    ]
