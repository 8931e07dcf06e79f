"""Resources in canonical form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_USER
from scim_service.scim.resource import canonical as resources
from scim_service.scim.resource.canonical import validate
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN


def refusal(user: ResourceType, body: object) -> ScimError:
    with pytest.raises(ScimError) as caught:
        validate(user, body)
    assert caught.value.status == 400
    return caught.value


def body(**attributes: Any) -> dict[str, Any]:
    return {"schemas": [URN_USER], "userName": "joy", **attributes}


def test_canonical_form(user: ResourceType) -> None:
    """Names get their canonical case, empty values are removed, other values stay as they are."""
    assert validate(
        user,
        {
            "Schemas": [URN_USER],
            "USERNAME": "JYoung@Testuser.COM ",
            "Active": False,
            "title": None,
            "name": {"FamilyName": "Young", "middleName": None},
            "emails": [{"Primary": True, "Value": "joy", "type": "work"}, None, {}],
            "phoneNumbers": [{"value": "+1 (312) 320-0932"}],
            "addresses": [],
            "roles": None,
            "photos": [{"value": None}],
            URN_ENTERPRISE_USER.upper(): {"Department": "Sales", "Manager": {"Value": "SuzzyQ"}},
        },
    ) == {
        "schemas": [URN_USER, URN_ENTERPRISE_USER],
        "userName": "JYoung@Testuser.COM ",
        "active": False,
        "name": {"familyName": "Young"},
        "emails": [{"primary": True, "value": "joy", "type": "work"}],
        "phoneNumbers": [{"value": "+1 (312) 320-0932"}],
        URN_ENTERPRISE_USER: {"department": "Sales", "manager": {"value": "SuzzyQ"}},
    }


def test_read_only_attributes_are_ignored(user: ResourceType) -> None:
    """A client sets neither id nor meta nor groups nor the manager's display name."""
    canonical = validate(
        user,
        body(
            id="mine",
            meta={"resourceType": "User"},
            groups=[{"value": "g"}],
            **{URN_ENTERPRISE_USER: {"manager": {"value": "m", "displayName": "Boss"}}},
        ),
    )
    assert canonical.keys() == {"schemas", "userName", URN_ENTERPRISE_USER}
    assert canonical[URN_ENTERPRISE_USER] == {"manager": {"value": "m"}}


def test_schemas_are_computed(user: ResourceType) -> None:
    """``schemas`` names an extension only if the resource has values of it."""
    assert validate(user, body(**{URN_ENTERPRISE_USER: {"department": None}}))["schemas"] == [
        URN_USER
    ]
    assert validate(user, body(**{CUSTOM_URN: {"badge": 1}}))["schemas"] == [URN_USER, CUSTOM_URN]


@pytest.mark.parametrize("schemas", [None, [], URN_USER, [URN_GROUP]])
def test_schemas_are_asked_for(
    user: ResourceType, lenient_user: ResourceType, schemas: Any
) -> None:
    """A resource must name its schema, unless a leniency ignores that."""
    document = body() | {"schemas": schemas}
    assert '"schemas"' in refusal(user, document).detail
    assert validate(lenient_user, document)["userName"] == "joy"


def test_an_extension_may_name_its_schema(user: ResourceType) -> None:
    """An extension's own ``schemas``, as some clients send it, is ignored."""
    extension = {"schemas": [URN_ENTERPRISE_USER], "department": "Sales"}
    canonical = validate(user, body(**{URN_ENTERPRISE_USER: extension}))
    assert canonical[URN_ENTERPRISE_USER] == {"department": "Sales"}


def test_unknown_attributes(user: ResourceType, lenient_user: ResourceType) -> None:
    """They are refused by name, or skipped by a leniency."""
    document = body(nickname2="x", name={"first": "y"}, **{"urn:example:none": {"a": 1}})
    assert validate(lenient_user, document) == {"schemas": [URN_USER], "userName": "joy"}
    error = refusal(user, document)
    assert error.scim_type == "invalidSyntax"
    assert '"nickname2"' in error.detail


@pytest.mark.parametrize(
    ("attributes", "where"),
    [
        ({"userName": 5}, "userName must be a string, not a number"),
        ({"active": "True"}, "active must be true or false, without quotes, not a string"),
        ({"active": 1}, "active must be true or false"),
        ({"name": "Joy"}, "name must be an object, not a string"),
        ({"emails": {"value": "x"}}, "emails must be a list, not an object"),
        ({"emails": ["x"]}, r"emails[0] must be an object"),
        ({"emails": [{}, {"value": 1}]}, "emails[1].value must be a string"),
        ({"emails": [{"primary": True}, {"primary": True}]}, "more than one value that is primary"),
        ({"title": "a\x00b"}, "title contains the character U+0000"),
        ({"x509Certificates": [{"value": "?"}]}, "x509Certificates[0].value must be a string in"),
        ({CUSTOM_URN: {"badge": 1.5}}, f"{CUSTOM_URN}:badge must be an integer"),
        ({CUSTOM_URN: {"badge": True}}, f"{CUSTOM_URN}:badge must be an integer"),
        ({CUSTOM_URN: {"height": "1"}}, f"{CUSTOM_URN}:height must be a number"),
        ({CUSTOM_URN: {"hired": "1 May"}}, f"{CUSTOM_URN}:hired must be a date and time"),
        ({CUSTOM_URN: {"tags": [{}]}}, f"{CUSTOM_URN}:tags[0] must be a string, not an object"),
        ({CUSTOM_URN: []}, f"{CUSTOM_URN} must be an object, not a list"),
        (
            {URN_ENTERPRISE_USER: {"manager": {"value": 1}}},
            f"{URN_ENTERPRISE_USER}:manager.value must be a string",
        ),
        ({"userName": None}, "userName is required"),
        ({"userName": ""}, "userName is required"),
    ],
)
def test_wrong_value_names_its_place(
    user: ResourceType, lenient_user: ResourceType, attributes: dict[str, Any], where: str
) -> None:
    """No leniency accepts a value of another type; the error names the path and not the value."""
    for kind in (user, lenient_user):
        error = refusal(kind, body(**attributes))
        assert error.scim_type == "invalidValue"
        assert where in error.detail


@pytest.mark.parametrize("document", [None, [], "x", 5])
def test_body_must_be_an_object(lenient_user: ResourceType, document: object) -> None:
    """Anything but an object is refused."""
    assert refusal(lenient_user, document).scim_type == "invalidSyntax"


def test_name_given_twice(user: ResourceType) -> None:
    """Two spellings of one name in a body are refused."""
    assert "title is given twice" in refusal(user, body(title="a", Title="b")).detail


def test_number_of_values_is_limited(user: ResourceType, group: ResourceType) -> None:
    """A user has at most so many values of an attribute; members of a group are not counted."""
    values = [{"value": str(index)} for index in range(resources.MAX_VALUES + 1)]
    assert "at most 1000" in refusal(user, body(emails=values)).detail
    document = {"displayName": "g", "members": values}
    assert len(validate(group, document | {"schemas": [URN_GROUP]})["members"]) == len(values)


def test_password_is_not_echoed(user: ResourceType) -> None:
    """No error shows the value of a password."""
    assert "hunter2" not in refusal(user, body(password=["hunter2"])).detail


def test_two_values_of_one_type(user: ResourceType) -> None:
    """Microsoft's collection sends two e-mail addresses of type work."""
    emails = [{"type": "work", "value": "a", "primary": True}, {"type": "work", "value": "b"}]
    assert validate(user, body(emails=emails))["emails"] == emails


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["userName", "Emails", "value", "type", "primary", "name", "familyName", "active",
                 "x", URN_ENTERPRISE_USER, "manager", CUSTOM_URN, "badge", "tags", "hired"]
            ),
            children,
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json_is_canonical_or_refused(
    user: ResourceType, lenient_user: ResourceType, value: Any
) -> None:
    """Whatever the body, the outcome is a canonical resource or a ScimError."""
    before = json.dumps(value)
    document = {**value, "userName": "joy"} if isinstance(value, dict) else value
    try:
        canonical = validate(lenient_user, document)
    except ScimError:
        return
    finally:
        assert json.dumps(value) == before
    assert validate(user, canonical) == canonical
