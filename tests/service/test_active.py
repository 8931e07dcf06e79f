"""A user without ``active`` counts as active; omitting the attribute never enables a user."""

from typing import Any

import httpx
import pytest
from scim_service.scim.messages import URN_PATCH_OP, URN_USER

from tests.service.served import Serve

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
OMISSIONS: dict[str, Any] = {
    "null": {"op": "replace", "path": "active", "value": None},
    "remove": {"op": "remove", "path": "active"},
    "null-without-path": {"op": "replace", "value": {"active": None}},
    "empty": {"op": "Replace", "path": "active", "value": ""},
    "empty-without-path": {"op": "replace", "value": {"active": ""}},
}
OF_ENTRA = {"empty", "empty-without-path"}


def user(name: str, **values: Any) -> dict[str, Any]:
    """Return a user as it is sent."""
    return {"schemas": [URN_USER], "userName": name, **values}


async def names(scim: httpx.AsyncClient, text: str, path: str = "/Users") -> set[str]:
    """Return the userNames that a filter selects."""
    answer = await scim.get(path, params={"filter": text})
    assert answer.status_code == 200, answer.text
    return {each["userName"] for each in answer.json()["Resources"] if "userName" in each}


@pytest.fixture(params=["entra", "strict"])
def profile(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The configuration of each profile."""
    return {"provisioning": {"profile": request.param}}


async def test_users_without_active_match_active_filters(
    serve: Serve, profile: dict[str, Any]
) -> None:
    """Filters on active treat a user without the attribute as active."""
    scim = (await serve(profile)).http
    for each in (user("on", active=True), user("off", active=False), user("unsaid")):
        assert (await scim.post("/Users", json=each)).status_code == 201
    active, disabled = {"on", "unsaid"}, {"off"}
    for path in ("/Users", "/"):
        for text, expected in (
            ("active eq true", active),
            ("active ne true", disabled),
            ("active eq false", disabled),
            ("active ne false", active),
            ("not (active eq true)", disabled),
            ("not (active ne true)", active),
            ('active eq true and userName eq "unsaid"', {"unsaid"}),
            ('(active eq true) and (userName eq "off" or userName eq "on")', {"on"}),
            (f"{URN_USER}:active eq true", active),
        ):
            assert await names(scim, text, path) == expected, (path, text)


@pytest.mark.parametrize("omission", OMISSIONS)
async def test_a_patch_without_active_enables_no_user(
    serve: Serve, profile: dict[str, Any], omission: str
) -> None:
    """Clearing active leaves a disabled user disabled, and an active one active."""
    if omission in OF_ENTRA and profile["provisioning"]["profile"] == "strict":
        pytest.skip("the standard has no empty text for a boolean")
    served = await serve(profile)
    scim = served.http
    for active in (False, True):
        made = (await scim.post("/Users", json=user(f"ann-{active}", active=active))).json()
        operations = [OMISSIONS[omission], {"op": "replace", "path": "title", "value": "Boss"}]
        body = {"schemas": [URN_PATCH_OP], "Operations": operations}
        answer = await scim.patch(f"/Users/{made['id']}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["title"] == "Boss"
        assert answer.json().get("active", True) is active
        shown = (await scim.get(f"/Users/{made['id']}")).json()
        assert shown.get("active", True) is active
    assert (await served.tenant.repository.count_resources()).active_users == 1


@pytest.mark.parametrize("sent", [{}, {"active": None}])
async def test_a_put_without_active_enables_no_user(
    serve: Serve, profile: dict[str, Any], sent: dict[str, Any]
) -> None:
    """A PUT without active leaves a disabled user disabled, also within a Bulk request."""
    scim = (await serve(profile)).http
    path = f"/Users/{(await scim.post('/Users', json=user('ann', active=False))).json()['id']}"
    answer = await scim.put(path, json=user("ann", title="Boss", **sent))
    assert (answer.status_code, answer.json()["active"]) == (200, False)
    operation = {"method": "PUT", "path": path, "data": user("ann", **sent)}
    bulk = {"schemas": [BULK], "Operations": [operation]}
    assert (await scim.post("/Bulk", json=bulk)).json()["Operations"][0]["status"] == "200"
    assert (await scim.get(path)).json()["active"] is False


async def test_an_explicit_true_enables(serve: Serve, profile: dict[str, Any]) -> None:
    """An explicit true enables, also after the value was cleared in the same request."""
    scim = (await serve(profile)).http
    path = f"/Users/{(await scim.post('/Users', json=user('ann', active=False))).json()['id']}"
    operations = [OMISSIONS["remove"], {"op": "add", "path": "active", "value": True}]
    body = {"schemas": [URN_PATCH_OP], "Operations": operations}
    assert (await scim.patch(path, json=body)).json()["active"] is True
    assert (await scim.put(path, json=user("ann", active=False))).json()["active"] is False
    assert (await scim.put(path, json=user("ann", active=True))).json()["active"] is True
