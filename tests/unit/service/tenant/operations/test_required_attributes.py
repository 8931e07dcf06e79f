"""A tenant's rules: what a request is to blame for, of all that a user lacks."""

from typing import Any

import pytest
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.tenant.operations.required_attributes import newly_missing

URN = "urn:example:rules:2.0:User"
SCHEMA: dict[str, Any] = {
    "id": URN,
    "name": "Rules",
    "attributes": [
        {"name": "costCode", "required": True},
        {"name": "site"},
        {
            "name": "desks",
            "type": "complex",
            "multiValued": True,
            "subAttributes": [{"name": "floor", "required": True}, {"name": "room"}],
        },
    ],
}
MAIL = {"emails": [{"value": "a@example.com"}]}
OFF = {"active": False}
SITE = {URN: {"site": "Berlin"}}
CODE = {URN: {"site": "Berlin", "costCode": "7"}}
COST_CODE, FLOOR = f"{URN}:costCode", f"{URN}:desks.floor"


def desks(*values: dict[str, str]) -> dict[str, Any]:
    """A user with mail, cost code and these desks."""
    return {**MAIL, URN: {"costCode": "7", "desks": list(values)}}


@pytest.fixture(scope="module")
def user() -> ResourceType:
    """Users with an extension that requires something."""
    return Registry.load([SCHEMA]).user


@pytest.mark.parametrize(
    ("before", "after", "blamed"),
    [
        pytest.param(None, MAIL, (), id="created with all"),
        pytest.param(None, {}, ("emails",), id="created without"),
        pytest.param(None, OFF, ("emails",), id="created without, disabled"),
        pytest.param(None, {**MAIL, **SITE}, (COST_CODE,), id="created without a cost code"),
        pytest.param(None, SITE, ("emails", COST_CODE), id="created without either"),
        pytest.param(None, {**MAIL, URN: {"costCode": ""}}, (COST_CODE,), id="empty cost code"),
        pytest.param(None, desks({"room": "1"}, {"room": "2"}), (FLOOR,), id="named once"),
        pytest.param(MAIL, {}, ("emails",), id="taken away"),
        pytest.param(MAIL, {"emails": []}, ("emails",), id="emptied"),
        pytest.param({**MAIL, **CODE}, {**MAIL, **SITE}, (COST_CODE,), id="cost code taken away"),
        pytest.param({**MAIL, **CODE}, MAIL, (), id="the whole extension taken away"),
        pytest.param(MAIL, {**MAIL, **SITE}, (COST_CODE,), id="extension begun without it"),
        pytest.param({}, {"title": "T"}, (), id="lacking before"),
        pytest.param({}, SITE, (COST_CODE,), id="lacking one before, another now"),
        pytest.param(SITE, {**SITE, "title": "T"}, (), id="lacking both before"),
        pytest.param(CODE, SITE, (COST_CODE,), id="lacking the other one before"),
        pytest.param(MAIL, OFF, (), id="taken away and disabled"),
        pytest.param({**MAIL, **CODE}, {**SITE, **OFF}, (), id="all taken away and disabled"),
        pytest.param(SITE, {**SITE, **OFF}, (), id="disabled, lacking before"),
        pytest.param({**MAIL, **OFF}, OFF, (), id="taken away from a disabled user"),
        pytest.param(OFF, {}, ("emails",), id="enabled without"),
        pytest.param(
            {**SITE, **OFF}, {**SITE, "active": True}, ("emails", COST_CODE), id="enabled, no code"
        ),
        pytest.param(OFF, {**MAIL, "active": True}, (), id="enabled with what was missing"),
        pytest.param(
            desks({"room": "1"}), desks({"room": "2"}), (), id="a desk that lacked its floor"
        ),
        pytest.param(
            desks({"room": "1"}),
            desks({"room": "1"}, {"room": "2"}),
            (FLOOR,),
            id="one more desk without floor",
        ),
        pytest.param(
            desks({"floor": "1"}, {"room": "2"}),
            desks({"floor": "1"}),
            (),
            id="the desk without floor gone",
        ),
    ],
)
def test_a_request_is_blamed_for_what_it_makes_worse(
    user: ResourceType,
    before: dict[str, Any] | None,
    after: dict[str, Any],
    blamed: tuple[str, ...],
) -> None:
    """It answers for what it creates, enables or leaves active without, and for nothing else."""
    assert newly_missing(user, ["emails"], before, after) == blamed
