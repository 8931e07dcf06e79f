"""Bulk requests."""

import json
from typing import Any

import pytest
from scim_service.scim import bulk, errors
from scim_service.scim.messages import URN_BULK_REQUEST


def request(*operations: dict[str, Any], **members: Any) -> bulk.BulkRequest:
    body = {"schemas": [URN_BULK_REQUEST], "Operations": list(operations), **members}
    return bulk.parse_bulk(body, max_operations=5)


def post(bulk_id: str, path: str = "/Users", **data: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": bulk_id, "data": data}


def test_bulk_order_and_references() -> None:
    """An operation follows those that it refers to, and gets the ids of their resources."""
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
    """The error names the place of a malformed operation."""
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
    """An entry has the known facts of its operation, with the status as text."""
    operation = request(post("a")).operations[0]
    entry = bulk.build_operation_response(operation, 201, location="l", version='W/"1"')
    failed = bulk.build_operation_response(operation, 409, response={"status": "409"})
    assert bulk.build_bulk_response([entry, failed])["Operations"] == [
        {"method": "POST", "bulkId": "a", "version": 'W/"1"', "location": "l", "status": "201"},
        {"method": "POST", "bulkId": "a", "status": "409", "response": {"status": "409"}},
    ]
