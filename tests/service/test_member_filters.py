"""Value filters on members, which are rows, mean the same as on other attributes."""

from typing import Any

import pytest
from scim_service.store.resources import members

from tests.service.served import Serve, Served

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Staff:
    """A group of Ada, Bob (without a display) and another group, in a tenant."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self.ids: dict[str, str] = {}
        self.path = ""

    async def make(self) -> None:
        """Create them."""
        http = self.served.http
        for name in ("ada", "bob"):
            user = await http.post("/Users", json={"schemas": [USER], "userName": name})
            self.ids[name] = user.json()["id"]
        inner = await http.post("/Groups", json={"schemas": [GROUP], "displayName": "Inner"})
        self.ids["inner"] = inner.json()["id"]
        members = [{"value": each} for each in self.ids.values()]
        members[0]["display"] = "Ada L."
        body = {"schemas": [GROUP], "displayName": "Staff", "members": members}
        self.path = f"/Groups/{(await http.post('/Groups', json=body)).json()['id']}"

    async def remove(self, condition: str, value: Any = None) -> Any:
        """Remove the members that a filter selects; ``ADA`` and so on stand for their ids."""
        for name, member in self.ids.items():
            condition = condition.replace(name.upper(), member)
        operation: dict[str, Any] = {"op": "remove", "path": f"members[{condition}]"}
        if value is not None:
            operation["value"] = value
        body = {"schemas": [PATCH_OP], "Operations": [operation]}
        return await self.served.http.patch(self.path, json=body)

    async def members(self) -> set[str]:
        """Return the names of the remaining members."""
        found = (await self.served.http.get(self.path)).json().get("members", [])
        names = {member: name for name, member in self.ids.items()}
        return {names[each["value"]] for each in found}


@pytest.fixture(params=["entra", "strict"])
async def staff(request: pytest.FixtureRequest, serve: Serve) -> Staff:
    """The group, in a tenant of each profile."""
    made = Staff(await serve({"provisioning": {"profile": request.param}}))
    await made.make()
    return made


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ('type eq "User"', {"inner"}),
        ('type eq "group"', {"ada", "bob"}),
        ('display eq "ada l."', {"bob", "inner"}),
        ("display pr", {"bob", "inner"}),
        ('display sw "Ada" or value eq "INNER"', {"bob"}),
        ('value eq "ADA" and type eq "User"', {"bob", "inner"}),
        ('value eq "ADA" and type eq "Group"', {"ada", "bob", "inner"}),
        ('value eq "ADA" and value eq "BOB"', {"ada", "bob", "inner"}),
        ('(value eq "ADA" or value eq "BOB") and type eq "User"', {"inner"}),
        ('not (value eq "ADA")', {"ada"}),
        ('value eq "ADA" or value eq "INNER"', {"bob"}),
        ('display eq "nobody"', {"ada", "bob", "inner"}),
    ],
)
async def test_selected_members_are_removed(staff: Staff, condition: str, left: set[str]) -> None:
    """Type, display and id select members, alone and together."""
    assert (await staff.remove(condition)).status_code == 204
    assert await staff.members() == left


async def test_a_filter_on_unstored_sub_attributes_is_refused(staff: Staff) -> None:
    """The error lists the usable sub-attributes, and no member is removed."""
    answer = await staff.remove('$ref eq "x"')
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidFilter")
    assert "value, type and display" in answer.json()["detail"]
    assert len(await staff.members()) == 3


async def test_selecting_of_very_many_is_bounded(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A filter with too many comparisons is refused before any of them; ids always work."""
    monkeypatch.setattr(members, "MAX_COMPARISONS", 4)
    answer = await staff.remove('type eq "User" and display pr')
    assert (answer.status_code, answer.json()["scimType"]) == (400, "tooMany")
    assert len(await staff.members()) == 3
    assert (await staff.remove('value eq "ADA" and type eq "User"')).status_code == 204


@pytest.mark.parametrize(
    "condition", ['type eq "User"', 'not (display eq "Inner")', 'value ne "BOB"']
)
async def test_members_that_are_named_beside_a_filter(condition: str, serve: Serve) -> None:
    """A remove with named members removes none of the others that its filter selects."""
    staff = Staff(await serve())
    await staff.make()
    left_of_all = {"bob", "inner"} if "type" in condition else {"bob"}
    ada, bob = ({"value": staff.ids[name]} for name in ("ada", "bob"))
    for value, left in (
        ([ada], {"bob", "inner"}),
        ([ada], {"bob", "inner"}),
        (ada["value"], {"bob", "inner"}),
        ([{"value": staff.ids["inner"]}, ada], left_of_all),
    ):
        assert (await staff.remove(condition, value)).status_code == 204
        assert await staff.members() == left
    assert (await staff.remove(condition, [{"id": bob["value"]}])).status_code == 400
    assert (await staff.remove('value eq "BOB"', "somebody")).status_code == 204
    assert "bob" not in await staff.members()
