"""Users that were stored when an extension attribute had another type."""

from typing import Any

import pytest
from scim_service.scim.messages import URN_PATCH_OP, URN_USER

from tests.service.served import Serve

URN = "urn:example:changed:2.0:User"
PARTS = {"subAttributes": [{"name": "a", "required": True}, {"name": "b", "type": "dateTime"}]}
TYPES: dict[str, tuple[dict[str, Any], Any]] = {
    "string": ({}, "x"),
    "integer": ({"type": "integer"}, 7),
    "boolean": ({"type": "boolean"}, True),
    "dateTime": ({"type": "dateTime"}, "2026-01-31T09:00:00Z"),
    "strings": ({"multiValued": True}, ["x", "y"]),
    "integers": ({"type": "integer", "multiValued": True}, [1, 2]),
    "complex": ({"type": "complex", **PARTS}, {"a": "x", "b": "2026-01-31T09:00:00Z"}),
    "complexes": ({"type": "complex", "multiValued": True, **PARTS}, [{"a": "x"}, {"a": "y"}]),
}


def configuration(profile: str, definition: dict[str, Any]) -> dict[str, Any]:
    """Return a tenant whose extension has the attribute."""
    extension = {"id": URN, "attributes": [{"name": "it", **definition}, {"name": "other"}]}
    return {"provisioning": {"profile": profile, "schemaExtensions": [extension]}}


@pytest.mark.parametrize("profile", ["entra", "strict"])
@pytest.mark.parametrize("before", TYPES)
async def test_no_former_type_keeps_a_user_active(serve: Serve, profile: str, before: str) -> None:
    """With every pair of types, the user can be read, listed, changed, disabled and deleted."""
    definition, value = TYPES[before]
    unique = {"uniqueness": "server"}
    for number, (name, (other, _)) in enumerate(TYPES.items()):
        earlier = await serve(configuration(profile, definition))
        body = {"schemas": [URN_USER, URN], "userName": f"u{number}", "active": True}
        made = await earlier.http.post("/Users", json={**body, URN: {"it": value, "other": "o"}})
        path = f"/Users/{made.json()['id']}"
        ruled = other if other.get("type") == "complex" else {**other, **unique}
        scim = (await serve(configuration(profile, ruled))).http
        for query in ({}, {"attributes": f"{URN}:it"}, {"excludedAttributes": f"{URN}:it"}):
            assert (await scim.get(path, params=query)).status_code == 200, (name, query)
            assert (await scim.get("/Users", params=query)).status_code == 200, (name, query)
        for operation in (
            {"op": "replace", "path": "title", "value": "Boss"},
            {"op": "replace", "path": f"{URN}:other", "value": "p"},
            {"op": "replace", "path": "active", "value": False},
            {"op": "remove", "path": f"{URN}:it"},
        ):
            patch = {"schemas": [URN_PATCH_OP], "Operations": [operation]}
            answer = await scim.patch(path, json=patch)
            assert answer.status_code == 200, (name, operation, answer.text)
        assert (await scim.get(path)).json()["active"] is False
        assert (await scim.put(path, json=body)).status_code == 200
        assert (await scim.delete(path)).status_code == 204
