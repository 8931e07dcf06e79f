"""attributes, excludedAttributes and returned."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.projection import Projection
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN

RESOURCE: dict[str, Any] = {
    "schemas": [URN_USER],
    "id": "1",
    "userName": "joy",
    "password": "secret",
    "name": {"familyName": "Young", "givenName": "Joy"},
    "emails": [{"value": "a", "type": "work"}, {"type": "home"}],
    "meta": {"resourceType": "User", "location": "l"},
    URN_ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "m", "$ref": "r"}},
    CUSTOM_URN: {"badge": 7, "notes": "n", "tags": ["x"]},
}
ALWAYS = {"schemas": [URN_USER], "id": "1"}


def test_default(user: ResourceType) -> None:
    """Without parameters, all attributes are shown that are returned by default."""
    shown = Projection.parse(user).apply(RESOURCE)
    assert shown == {
        **{name: value for name, value in RESOURCE.items() if name != "password"},
        CUSTOM_URN: {"badge": 7, "tags": ["x"]},
    }


@pytest.mark.parametrize(
    ("attributes", "shown"),
    [
        ("userName", {"userName": "joy"}),
        (" USERNAME , id,", {"userName": "joy"}),
        (f"{URN_USER}:userName", {"userName": "joy"}),
        ("password", {}),
        ("nothing", {}),
        ("name.givenName,name.nothing", {"name": {"givenName": "Joy"}}),
        ("name,name.givenName", {"name": RESOURCE["name"]}),
        ("name.givenName,name", {"name": RESOURCE["name"]}),
        ("emails.value", {"emails": [{"value": "a"}]}),
        (URN_ENTERPRISE_USER, {URN_ENTERPRISE_USER: RESOURCE[URN_ENTERPRISE_USER]}),
        (
            f"{URN_ENTERPRISE_USER}:manager.value",
            {URN_ENTERPRISE_USER: {"manager": {"value": "m"}}},
        ),
        (f"{CUSTOM_URN}:notes", {CUSTOM_URN: {"notes": "n"}}),
        (f"{CUSTOM_URN}:tags", {CUSTOM_URN: {"tags": ["x"]}}),
    ],
)
def test_attributes(user: ResourceType, attributes: str, shown: dict[str, Any]) -> None:
    """Only the requested attributes and those that are always returned are shown."""
    assert Projection.parse(user, attributes).apply(RESOURCE) == ALWAYS | shown
    assert Projection.parse(user, attributes.split(",")).apply(RESOURCE) == ALWAYS | shown


def test_excluded_attributes(user: ResourceType) -> None:
    """Excluded attributes are hidden, in part or as a whole, unless they are always returned."""
    excluded = f"id,emails,meta,name.givenName,{URN_ENTERPRISE_USER}:manager,{CUSTOM_URN},nothing"
    assert Projection.parse(user, None, excluded).apply(RESOURCE) == {
        **ALWAYS,
        "userName": "joy",
        "name": {"familyName": "Young"},
        URN_ENTERPRISE_USER: {"department": "Sales"},
    }


def test_part_of_what_is_returned_on_request(user: ResourceType) -> None:
    """To exclude another attribute does not show attributes that are returned on request."""
    shown = Projection.parse(user, None, f"{CUSTOM_URN}:badge").apply(RESOURCE)
    assert shown[CUSTOM_URN] == {"tags": ["x"]}


@pytest.mark.parametrize(
    ("attributes", "excluded", "wanted"),
    [
        (None, None, True),
        (None, "members", False),
        (None, "MEMBERS", False),
        (None, "members.display", True),
        (None, "displayName", True),
        ("displayName", None, False),
        ("members.value", None, True),
    ],
)
def test_members_are_wanted(
    group: ResourceType, attributes: str | None, excluded: str | None, wanted: bool
) -> None:
    """The store reads the members of a group only where the answer shows them."""
    assert Projection.parse(group, attributes, excluded).wants("members") is wanted


def test_attribute_that_does_not_exist_is_not_wanted(user: ResourceType) -> None:
    """A user has no members."""
    assert not Projection.parse(user).wants("members")


def test_both_parameters(user: ResourceType, lenient_user: ResourceType) -> None:
    """attributes and excludedAttributes exclude each other, unless a leniency prefers one."""
    with pytest.raises(ScimError) as caught:
        Projection.parse(user, "id", "emails")
    assert caught.value.scim_type == "invalidSyntax"
    assert Projection.parse(lenient_user, "name", "name").wants("name")


@pytest.mark.parametrize(
    "attributes",
    ['emails[type eq "work"]', 'emails[value eq "a,b"]', "emails[type eq work].value,nothing"],
)
def test_value_filter_stands_for_the_attribute(
    user: ResourceType, lenient_user: ResourceType, attributes: str
) -> None:
    """A value filter in the list is refused, unless a leniency takes it for the attribute."""
    assert Projection.parse(lenient_user, attributes).wants("emails")
    with pytest.raises(ScimError) as caught:
        Projection.parse(user, attributes)
    assert caught.value.scim_type == "invalidPath"


def test_list_of_attributes_is_limited(user: ResourceType) -> None:
    """A list that is too long is refused."""
    with pytest.raises(ScimError, match="more than 8192 characters"):
        Projection.parse(user, "a," * 5000)


@given(
    st.text()
    | st.lists(st.sampled_from(["emails", "[", "]", ",", '"', ".", "type pr", "urn:"])).map("".join)
)
def test_any_text_is_parsed_or_refused(lenient_user: ResourceType, text: str) -> None:
    """Whatever the parameter, the outcome is a projection or a ScimError."""
    try:
        shown = Projection.parse(lenient_user, text).apply(RESOURCE)
    except ScimError:
        return
    assert "password" not in shown
    assert shown["id"] == "1"
