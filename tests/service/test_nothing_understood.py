"""A value that is not understood is refused: treated as empty, it would remove everything."""

import json
from typing import Any

import pytest

from tests.service.served import Serve, Served

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
URN = "urn:example:nothing:2.0:User"
TAGS = {"id": URN, "name": "Tags", "attributes": [{"name": "tags", "multiValued": True}]}
MAILS = [{"type": "work", "value": "anna@example.com"}, {"type": "home", "value": "a@example.net"}]

Json = dict[str, Any]


@pytest.fixture(params=["entra", "strict"])
async def served(request: pytest.FixtureRequest, serve: Serve) -> Served:
    """A tenant in each of the profiles."""
    return await serve({"provisioning": {"profile": request.param, "schemaExtensions": [TAGS]}})


@pytest.fixture
async def entra(serve: Serve) -> Served:
    """A tenant in the entra profile."""
    return await serve({"provisioning": {"schemaExtensions": [TAGS]}})


async def anna(served: Served) -> tuple[str, Json]:
    """The path of a user with mails, a manager and tags, and the user."""
    values = {"emails": MAILS, ENTERPRISE: {"manager": {"value": "m"}}, URN: {"tags": ["x"]}}
    body = {"schemas": [USER], "userName": "anna", **values}
    user = (await served.http.post("/Users", json=body)).json()
    return f"/Users/{user['id']}", user


async def staff(served: Served) -> tuple[str, str]:
    """The path of a group, and the id of its only member."""
    _, user = await anna(served)
    body = {"schemas": [GROUP], "displayName": "Staff", "members": [{"value": user["id"]}]}
    group = (await served.http.post("/Groups", json=body)).json()
    return f"/Groups/{group['id']}", user["id"]


def patch(op: str, path: str | None, value: Any) -> Json:
    """A PatchOp message of one operation."""
    operation = {"op": op, "value": value, **({} if path is None else {"path": path})}
    return {"schemas": [PATCH_OP], "Operations": [operation]}


def of(value: Any, member: str) -> Any:
    """Return the value with the id of the member instead of USER."""
    return json.loads(json.dumps(value).replace("USER", member))


NO_MEMBERS = [[{}], [None], [{}, None], [{"value": None}], [{"$ref": "/Users/USER"}]]
IDS = [[{"id": "USER"}], [{"ref": "/Users/USER"}], {"members": [{"value": "USER"}]}]
MIXED = [{"value": "USER"}, {"id": "other"}]


@pytest.mark.parametrize("how", ["path", "pathless", "put"])
@pytest.mark.parametrize("value", NO_MEMBERS, ids=str)
async def test_a_list_of_no_members_empties_no_group(served: Served, value: Any, how: str) -> None:
    """A list whose elements name no member is refused in both profiles, and the member stays."""
    await _refused(served, value, how)


@pytest.mark.parametrize("how", ["path", "pathless", "put"])
@pytest.mark.parametrize("value", [*IDS, MIXED, [{"value": ""}], [""]], ids=str)
async def test_members_of_unknown_parts_empty_no_group(entra: Served, value: Any, how: str) -> None:
    """A member that consists of unknown parts is refused, not skipped."""
    await _refused(entra, value, how)


async def _refused(served: Served, value: Any, how: str) -> None:
    path, member = await staff(served)
    value = of(value, member)
    if how == "put":
        body = {"schemas": [GROUP], "displayName": "Staff", "members": value}
        answer = await served.http.put(path, json=body)
    elif how == "path":
        answer = await served.http.patch(path, json=patch("replace", "members", value))
    else:
        answer = await served.http.patch(path, json=patch("replace", None, {"members": value}))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert "value" in answer.json()["detail"]
    members = (await served.http.get(path)).json()["members"]
    assert [each["value"] for each in members] == [member]


@pytest.mark.parametrize("value", [[{"id": "USER"}], [{"ref": "USER"}]], ids=str)
@pytest.mark.parametrize("op", ["add", "remove"])
async def test_a_member_that_is_not_understood_is_refused(
    entra: Served, op: str, value: Any
) -> None:
    """Adding or removing a member without an id is refused."""
    path, member = await staff(entra)
    answer = await entra.http.patch(path, json=patch(op, "members", of(value, member)))
    assert answer.status_code == 400
    assert "members[0]" in answer.json()["detail"]
    assert len((await entra.http.get(path)).json()["members"]) == 1


@pytest.mark.parametrize("value", [[], None])
async def test_an_empty_list_or_null_removes_all(served: Served, value: Any) -> None:
    """An empty list or null removes all members and all e-mail addresses."""
    path, _ = await staff(served)
    answer = await served.http.patch(path, json=patch("replace", "members", value))
    assert answer.status_code == 204
    assert "members" not in (await served.http.get(path)).json()
    (user,) = (await served.http.get("/Users")).json()["Resources"]
    answer = await served.http.patch(f"/Users/{user['id']}", json=patch("replace", "emails", value))
    assert answer.status_code == 200
    assert "emails" not in answer.json()


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("emails", [{"address": "b@example.com"}], "value, display, type, primary"),
        ("emails", {"address": "b@example.com"}, "value, display, type, primary"),
        ("emails", [{"type": "work", "address": "b@example.com"}], "value"),
        ("emails", [{}], "value"),
        ("emails", [None], "value"),
        ('emails[type eq "work"]', {"address": "b@example.com"}, "value"),
        ('emails[type eq "work"]', {}, "value"),
        (None, {"emails": [{"address": "b@example.com"}]}, "value"),
        (None, {"emails": [{}]}, "value"),
        ("manager", {"id": "m2"}, "value, $ref"),
        ("manager", [{"id": "m2"}], "value, $ref"),
        (f"{URN}:tags", [None], "string"),
        ("roles", [{"name": "admin"}], "value"),
    ],
)
async def test_values_of_unknown_parts_are_refused(
    entra: Served, path: str | None, value: Any, named: str
) -> None:
    """The error says what was expected, and the user is unchanged."""
    at, before = await anna(entra)
    answer = await entra.http.patch(at, json=patch("replace", path, value))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert (await entra.http.get(at)).json() == before


@pytest.mark.parametrize("value", [{ENTERPRISE: {"unknown": 1}}, {ENTERPRISE: {}}, {"name": {}}])
async def test_an_object_that_assigns_nothing_changes_nothing(entra: Served, value: Json) -> None:
    """Unknown attributes of an extension are skipped and do not remove the extension."""
    at, before = await anna(entra)
    answer = await entra.http.patch(at, json=patch("replace", None, value))
    assert answer.status_code == 200
    assert (await entra.http.get(at)).json() == before


@pytest.mark.parametrize("value", [[{"type": "work", "value": None}], [{"value": ""}]])
async def test_a_part_that_is_said_to_be_empty_is_understood(entra: Served, value: Any) -> None:
    """Entra's form for an absent e-mail address is accepted."""
    at, _ = await anna(entra)
    answer = await entra.http.patch(at, json=patch("replace", "emails", value))
    assert answer.status_code == 200
    assert "emails" not in answer.json()
