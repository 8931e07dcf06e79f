"""The tenant's rules refuse some users, and never prevent disabling one."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.service.served import Serve, Served

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
URN = "urn:example:rules:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

MAIL = {"emails": [{"type": "work", "value": "anna@example.com"}]}
CODE = {URN: {"site": "Berlin", "costCode": "7"}}
SITE = {URN: {"site": "Berlin"}}
COMPLETE = {**MAIL, **CODE}
CLEAR_MAIL = {"op": "remove", "path": "emails"}
CLEAR_CODE = {"op": "remove", "path": f"{URN}:costCode"}
DISABLE = {"op": "replace", "path": "active", "value": False}
ENABLE = {"op": "replace", "path": "active", "value": True}

Json = dict[str, Any]


@pytest.fixture(params=["entra", "strict"])
def profile(request: pytest.FixtureRequest) -> str:
    """Each of the profiles."""
    return str(request.param)


def configuration(profile: str, *, ruled: bool, **more: Any) -> Json:
    """Return a tenant that requires mail and, with the extension, a cost code; or neither."""
    attributes = [{"name": "costCode", "required": ruled}, {"name": "site"}]
    return {
        "provisioning": {
            "profile": profile,
            "requiredAttributes": ["emails"] if ruled else [],
            "schemaExtensions": [{"id": URN, "name": "Rules", "attributes": attributes}],
            **more,
        }
    }


def body(**values: Any) -> Json:
    """Return a user as it is sent."""
    return {"schemas": [CORE], "userName": "anna", "active": True, **values}


def patch(*operations: Json) -> Json:
    """A PatchOp message."""
    return {"schemas": [PATCH_OP], "Operations": list(operations)}


def at_once(method: str, path: str, data: Json | None = None) -> tuple[str, str, Json]:
    """Return the same request as the only operation of a Bulk."""
    operation = {"method": method, "path": path, "bulkId": "1", **({"data": data} if data else {})}
    return "POST", "/Bulk", {"schemas": [BULK], "Operations": [operation]}


async def older(serve: Serve, profile: str, **values: Any) -> tuple[Served, str]:
    """A tenant with rules, and the path of a user from before the rules."""
    before = await serve(configuration(profile, ruled=False))
    answer = await before.http.post("/Users", json=body(**values))
    assert answer.status_code == 201
    return await serve(configuration(profile, ruled=True)), f"/Users/{answer.json()['id']}"


async def status(served: Served, method: str, path: str, data: Json | None = None) -> int:
    """Return the status of a request, or of the operation of a Bulk."""
    answer = await served.http.request(method, path, json=data)
    if path == "/Bulk":
        return int(answer.json()["Operations"][0]["status"])
    return answer.status_code


LEAVING: dict[str, Callable[[str], tuple[str, str, Json]]] = {
    "by path": lambda path: ("PATCH", path, patch(DISABLE)),
    "without path": lambda path: (
        "PATCH", path, patch({"op": "replace", "value": {"active": False}})
    ),
    "with mail and code removed": lambda path: (
        "PATCH", path, patch(CLEAR_MAIL, CLEAR_CODE, DISABLE)
    ),
    "before mail and code are removed": lambda path: (
        "PATCH", path, patch(DISABLE, CLEAR_CODE, CLEAR_MAIL)
    ),
    "with the mail cleared, without path": lambda path: (
        "PATCH", path, patch({"op": "replace", "value": {"emails": [], "active": False}})
    ),
    "put without mail": lambda path: ("PUT", path, body(active=False)),
    "put without code": lambda path: ("PUT", path, body(active=False, **SITE)),
    "patch in Bulk": lambda path: at_once("PATCH", path, patch(CLEAR_MAIL, CLEAR_CODE, DISABLE)),
    "put in Bulk": lambda path: at_once("PUT", path, body(active=False, **SITE)),
}  # fmt: skip


@pytest.mark.parametrize("how", LEAVING)
@pytest.mark.parametrize(
    "values", [COMPLETE, SITE, {}], ids=["complete", "older", "older, no extension"]
)
async def test_no_rule_prevents_disabling(
    serve: Serve, profile: str, values: Json, how: str
) -> None:
    """A request that disables a user succeeds, whatever the user lacks."""
    served, path = await older(serve, profile, **values)
    assert await status(served, *LEAVING[how](path)) == 200
    assert (await served.http.get(path)).json()["active"] is False


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "Replace", "path": "active", "value": "False"}],
        [{"op": "Replace", "value": {"active": "False"}}],
        [
            {"op": "Replace", "path": 'emails[type eq "work"].value', "value": ""},
            {"op": "Replace", "path": f"{URN}:costCode", "value": None},
            {"op": "Replace", "path": "active", "value": "False"},
        ],
        [
            {"op": "Remove", "path": 'emails[type eq "work"]'},
            {"op": "Replace", "path": "active", "value": "False"},
        ],
        [{"op": "Replace", "value": {'emails[type eq "work"].value': "", "active": "False"}}],
    ],
)
@pytest.mark.parametrize("values", [COMPLETE, SITE], ids=["complete", "older"])
async def test_entra_can_always_disable(serve: Serve, values: Json, operations: list[Json]) -> None:
    """Both of Entra's dialects can disable, even if they clear a required attribute as well."""
    served, path = await older(serve, "entra", **values)
    assert await status(served, "PATCH", path, patch(*operations)) == 200
    assert (await served.http.get(path)).json()["active"] is False


@pytest.mark.parametrize("bulk", [False, True])
async def test_no_rule_prevents_deletion(serve: Serve, profile: str, bulk: bool) -> None:
    """A user without any required attribute can be deleted."""
    served, path = await older(serve, profile, **SITE)
    request = at_once("DELETE", path) if bulk else ("DELETE", path)
    assert await status(served, *request) == 204
    assert (await served.http.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("values", "method", "data"),
    [
        (SITE, "PATCH", patch({"op": "add", "path": "title", "value": "T"})),
        (SITE, "PATCH", patch({"op": "add", "value": {"title": "T"}})),
        (SITE, "PUT", body(title="T", **SITE)),
        (SITE, "PATCH", patch({"op": "add", "path": f"{URN}:site", "value": "Bonn"})),
        (CODE, "PUT", body(title="T", **CODE)),
        (MAIL, "PATCH", patch({"op": "add", "path": "title", "value": "T"})),
        ({**MAIL, **SITE}, "PUT", body(title="T", **MAIL, **SITE)),
    ],
)
async def test_attributes_missing_before_prevent_no_other_change(
    serve: Serve, profile: str, values: Json, method: str, data: Json
) -> None:
    """Other attributes of a user from before the rules can be changed."""
    served, path = await older(serve, profile, **values)
    assert await status(served, method, path, data) == 200
    assert await status(served, *at_once(method, path, data)) == 200


@pytest.mark.parametrize(
    ("values", "method", "data", "named"),
    [
        (COMPLETE, "PATCH", patch(CLEAR_MAIL), "emails"),
        (COMPLETE, "PATCH", patch(CLEAR_CODE), f"{URN}:costCode"),
        (COMPLETE, "PUT", body(**CODE), "emails"),
        (COMPLETE, "PUT", body(**MAIL, **SITE), f"{URN}:costCode"),
        ({}, "PATCH", patch({"op": "add", "path": f"{URN}:site", "value": "B"}), f"{URN}:costCode"),
        ({"active": False}, "PATCH", patch(ENABLE), "emails"),
        ({"active": False}, "PUT", body(), "emails"),
        ({"active": False, **MAIL, **SITE}, "PATCH", patch(ENABLE), f"{URN}:costCode"),
    ],
)
async def test_removing_a_required_attribute_is_refused(
    serve: Serve, profile: str, values: Json, method: str, data: Json, named: str
) -> None:
    """A request that removes a required attribute of an active user is refused with its name."""
    served, path = await older(serve, profile, **values)
    before = (await served.http.get(path)).json()
    answer = await served.http.request(method, path, json=data)
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert await status(served, *at_once(method, path, data)) == 400
    assert (await served.http.get(path)).json() == before


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize(
    ("values", "named"), [(CODE, "emails"), ({**MAIL, **SITE}, f"{URN}:costCode")]
)
async def test_creating_without_a_required_attribute_is_refused(
    serve: Serve, profile: str, values: Json, named: str, active: bool
) -> None:
    """A new user needs the required attributes, active or not."""
    served = await serve(configuration(profile, ruled=True))
    answer = await served.http.post("/Users", json=body(active=active, **values))
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert named in answer.json()["detail"]
    assert await status(served, *at_once("POST", "/Users", body(active=active, **values))) == 400


async def test_a_limit_that_was_lowered_stops_only_new_active_users(
    serve: Serve, profile: str
) -> None:
    """Above maxUsers, users can be changed, disabled and deleted, but not enabled."""
    before = await serve(configuration(profile, ruled=False))
    paths = []
    for name in ("a", "b", "c"):
        answer = await before.http.post("/Users", json=body(userName=name))
        paths.append(f"/Users/{answer.json()['id']}")
    served = await serve(configuration(profile, ruled=False, maxUsers=1))
    first, second, third = paths
    title = patch({"op": "add", "path": "title", "value": "T"})
    assert await status(served, "PATCH", first, title) == 200
    assert await status(served, "PATCH", first, patch(DISABLE)) == 200
    assert await status(served, "PATCH", first, title) == 200
    assert await status(served, "PATCH", first, patch(ENABLE)) == 400
    assert await status(served, "PUT", second, body(userName="b", active=False)) == 200
    assert await status(served, "POST", "/Users", body(userName="d")) == 400
    assert await status(served, "POST", "/Users", body(userName="d", active=False)) == 201
    assert await status(served, "DELETE", third) == 204
    assert await status(served, "PATCH", first, patch(ENABLE)) == 200
