"""The service reports skipped attributes, and members that a replacement did not name."""

from typing import Any

import pytest
from scim_service.tenant.activity import SKIPPED_AN_HOUR, SKIPPED_SHOWN

from tests.service.served import Serve, Served
from tests.service.test_activity import Clock

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
DAY = 24 * 3_600_000_000

Json = dict[str, Any]


async def made(served: Served, path: str = "/Users", **values: Any) -> str:
    """Return the path of a new user or group."""
    schema = USER if path == "/Users" else GROUP
    answer = await served.http.post(path, json={"schemas": [schema], **values})
    assert answer.status_code == 201, answer.text
    return f"{path}/{answer.json()['id']}"


def patch(*operations: Json) -> Json:
    """Return a PatchOp message."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


async def told(served: Served) -> list[tuple[str, str, str, int]]:
    """Return the skipped attributes in the status."""
    status = (await served.management.get("/-/status")).json()
    return [
        (each["resourceType"], each["attribute"], each["reason"], each["requests"])
        for each in status["skippedAttributes"]
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{USER}.active", "False"),
        (USER, {"active": False}),
        (None, {USER: {"active": "False"}}),
        (None, {f"{USER}.active": False}),
        ("urn:scim:schemas:core:1.0:active", "False"),
        (" active ", [{"value": "False"}]),
    ],
    ids=str,
)
async def test_a_disable_in_another_spelling(serve: Serve, path: str | None, value: Any) -> None:
    """The user is disabled, and no attribute is reported as skipped."""
    served = await serve()
    user = await made(served, userName="ada", active=True)
    operation = {"op": "Replace", "value": value, **({} if path is None else {"path": path})}
    assert (await served.http.patch(user, json=patch(operation))).json()["active"] is False
    assert (await served.http.get(user)).json()["active"] is False
    assert await told(served) == []


async def test_put_in_other_spellings(serve: Serve) -> None:
    """A PUT understands the same spellings as PATCH, and values get their types."""
    served = await serve()
    user = await made(served, userName="ada", active=True, title="Boss")
    body = {
        "schemas": [USER],
        f"{USER}:userName": "ada",
        "active": ["False"],
        f"{ENTERPRISE}.department": {"value": "R&D"},
        'emails[type eq "work"].value': "ada@example.com",
    }
    after = (await served.http.put(user, json=body)).json()
    assert (after["userName"], after["active"], after.get("title")) == ("ada", False, None)
    assert after[ENTERPRISE] == {"department": "R&D"}
    assert after["emails"] == [{"type": "work", "value": "ada@example.com"}]


async def test_the_strict_profile_takes_no_other_spelling(serve: Serve) -> None:
    """The strict profile refuses all of these spellings."""
    served = await serve({"provisioning": {"profile": "strict"}})
    user = await made(served, userName="ada", active=True)
    for name, value in [
        (f"{USER}.active", False),
        ("active", "False"),
        ("active ", False),
        ("title", ["Boss"]),
        ("meta.created", "2026-01-01T00:00:00Z"),
        ("nothing", "x"),
    ]:
        operation = {"op": "replace", "path": name, "value": value}
        assert (await served.http.patch(user, json=patch(operation))).status_code == 400
        answer = await served.http.put(user, json={"schemas": [USER], "userName": "a", name: value})
        assert answer.status_code == 400 or name.startswith("meta")
    assert (await served.http.get(user)).json()["active"] is True


async def test_unknown_and_read_only_attributes_are_reported(serve: Serve) -> None:
    """The user is disabled; status, metrics and log have their names, also after a restart."""
    served = await serve()
    user = await made(served, userName="ada", active=True, costCentreOld="x")
    answer = await served.http.patch(
        user,
        json=patch(
            {"op": "Replace", "path": "costCentreOld", "value": "x"},
            {"op": "Replace", "path": "groups", "value": []},
            {"op": "Replace", "path": "active", "value": "False"},
        ),
    )
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    known = [("User", "costCentreOld", "unknown", 2), ("User", "groups", "readOnly", 1)]
    assert await told(served) == known
    assert served.access_log[-1]["skipped"] == ["costCentreOld", "groups"]
    metrics = (await served.management.get("/metrics")).text
    name = 'scim_skipped_attributes_total{reason="unknown",resource="User",tenant="local"}'
    assert f"{name} 2.0" in metrics
    assert "costCentreOld" not in metrics
    assert await told(await serve()) == known


async def test_a_refused_request_reports_no_skipped_attributes(serve: Serve) -> None:
    """A refused request counts as a refusal and reports no skipped attributes."""
    served = await serve()
    user = await made(served, userName="ada")
    operations = [
        {"op": "Replace", "path": "costCentreOld", "value": "x"},
        {"op": "Replace", "path": "active", "value": "maybe"},
    ]
    assert (await served.http.patch(user, json=patch(*operations))).status_code == 400
    assert await told(served) == []


async def test_bulk_tells_for_each_operation(serve: Serve) -> None:
    """Each operation is counted for its resource type, and the request's line has all names."""
    served = await serve()
    operations = [
        {"method": "POST", "path": "/Users", "bulkId": "u", "data": {"userName": "ada", "a": 1}},
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "G", "b": 1}},
    ]
    answer = await served.http.post("/Bulk", json={"schemas": [BULK], "Operations": operations})
    assert [each["status"] for each in answer.json()["Operations"]] == ["201", "201"]
    assert sorted(await told(served)) == [("Group", "b", "unknown", 1), ("User", "a", "unknown", 1)]
    assert served.access_log[-1]["skipped"] == ["a", "b"]


async def test_names_that_a_client_makes_up_are_bounded(serve: Serve) -> None:
    """Only some names have a counter of their own; the others share one."""
    served = await serve()
    user = await made(served, userName="ada")
    for start in range(0, 100, 10):
        operations = [
            {"op": "Replace", "path": f"made{number}", "value": "x"}
            for number in range(start, start + 10)
        ]
        assert (await served.http.patch(user, json=patch(*operations))).status_code == 200
    found = await told(served)
    assert len(found) == SKIPPED_SHOWN
    assert found[0] == ("User", "*", "unknown", 100 - SKIPPED_AN_HOUR)


async def test_skipped_attributes_are_reported_for_a_day(serve: Serve) -> None:
    """The counters are of the last 24 hours."""
    clock = Clock()
    served = await serve(clock=clock)
    await made(served, userName="ada", nothing="x")
    assert len(await told(served)) == 1
    clock.now += 2 * DAY
    assert await told(served) == []


@pytest.mark.parametrize("how", ["replace", "put", "remove", "null"])
async def test_members_that_a_replacement_does_not_name_are_reported(
    serve: Serve, how: str
) -> None:
    """A replacement of all members removes the others, as the RFC says, and is reported."""
    served = await serve()
    users = [(await made(served, userName=name))[7:] for name in ("ada", "bob", "eve")]
    group = await made(
        served, "/Groups", displayName="Staff", members=[{"value": each} for each in users]
    )
    only = [{"value": users[0]}]
    if how == "put":
        body = {"schemas": [GROUP], "displayName": "Staff", "members": only}
        answer = await served.http.put(group, json=body)
    else:
        operation: Json = {"op": "Replace", "path": "members", "value": only}
        if how == "remove":
            operation = {"op": "Remove", "path": "members"}
        elif how == "null":
            operation = {"op": "Remove", "path": "members", "value": None}
        answer = await served.http.patch(group, json=patch(operation))
    assert answer.is_success
    dropped = 2 if how in ("replace", "put") else 3
    assert served.access_log[-1]["membersDropped"] == dropped
    assert (await served.management.get("/-/status")).json()["membersDropped"] == dropped
    metrics = (await served.management.get("/metrics")).text
    assert f'scim_members_dropped_total{{tenant="local"}} {dropped}.0' in metrics
    lines = (await served.management.get("/-/activity")).json()["activity"]
    assert lines[0]["attributes"] == [f"members(-{dropped})"]


async def test_members_that_a_request_names_are_not_reported(serve: Serve) -> None:
    """A removal of named members is not reported."""
    served = await serve()
    users = [(await made(served, userName=name))[7:] for name in ("ada", "bob")]
    members = [{"value": each} for each in users]
    group = await made(served, "/Groups", displayName="Staff", members=members)
    for operation in (
        {"op": "Remove", "path": "members", "value": members[:1]},
        {"op": "Remove", "path": f'members[value eq "{users[1]}"]'},
        {"op": "Replace", "path": "members", "value": members},
    ):
        assert (await served.http.patch(group, json=patch(operation))).status_code == 204
        assert "membersDropped" not in served.access_log[-1]
    assert (await served.management.get("/-/status")).json()["membersDropped"] == 0
