"""PATCH: the rules of RFC 7644 section 3.5.2."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.conftest import CUSTOM_URN
from tests.unit.service.scim.patch.operations import (
    HOME,
    STORED,
    WORK,
    message,
    op,
    patched,
    refused,
)


@pytest.mark.parametrize("name", ["add", "replace"])
@pytest.mark.parametrize(
    ("path", "value", "attribute", "outcome"),
    [
        ("title", "Boss", "title", "Boss"),
        ("TITLE", "Boss", "title", "Boss"),
        (f"{URN_USER}:title", "Boss", "title", "Boss"),
        ("active", False, "active", False),
        ("title", "", "title", ""),
        ("active", None, "active", None),
        ("name.familyName", "Old", "name", {"familyName": "Old", "givenName": "Joy"}),
        ("name.middleName", "M", "name", {**STORED["name"], "middleName": "M"}),
        ("name", {"FamilyName": "Old"}, "name", {"familyName": "Old", "givenName": "Joy"}),
        ("name", {"familyName": None}, "name", {"givenName": "Joy"}),
        ("name", {"familyName": None, "givenName": None}, "name", None),
        ("name", None, "name", None),
        (
            'emails[type eq "work"].value',
            "new",
            "emails",
            [{**WORK, "value": "new"}, HOME],
        ),
        ('emails[type eq "work"].display', None, "emails", [WORK, HOME]),
        (
            'emails[type eq "home"].primary',
            True,
            "emails",
            [{**WORK, "primary": False}, {**HOME, "primary": True}],
        ),
        ("emails.display", "d", "emails", [{**WORK, "display": "d"}, {**HOME, "display": "d"}]),
        (
            f"{URN_ENTERPRISE_USER}:department",
            "Tech",
            URN_ENTERPRISE_USER,
            {**STORED[URN_ENTERPRISE_USER], "department": "Tech"},
        ),
        (
            URN_ENTERPRISE_USER,
            {"division": "D", "manager": {"value": "n"}},
            URN_ENTERPRISE_USER,
            {"department": "Sales", "division": "D", "manager": {"value": "n"}},
        ),
        (
            f"{URN_ENTERPRISE_USER}:manager.value",
            "n",
            URN_ENTERPRISE_USER,
            {"department": "Sales", "manager": {"value": "n"}},
        ),
        (
            f"{URN_ENTERPRISE_USER}:manager",
            {"value": "n", "$ref": "../n"},
            URN_ENTERPRISE_USER,
            {"department": "Sales", "manager": {"value": "n", "$ref": "../n"}},
        ),
        (f"{CUSTOM_URN}:code", "A", CUSTOM_URN, STORED[CUSTOM_URN]),
    ],
)
def test_add_and_replace_of_one_value(
    user: ResourceType, name: str, path: str, value: Any, attribute: str, outcome: Any
) -> None:
    """For a single value, add and replace are equal; other sub-attributes stay."""
    assert patched(user, op(name, path, value=value)).get(attribute) == outcome


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [
        (op("add", "emails", value=[{"value": "n"}]), [WORK, HOME, {"value": "n"}]),
        (op("add", "emails", value={"value": "n"}), [WORK, HOME, {"value": "n"}]),
        (op("add", "emails", value=[HOME, HOME]), [WORK, HOME]),
        (
            op("add", "emails", value=[{**HOME, "primary": False}]),
            [WORK, {**HOME, "primary": False}],
        ),
        (
            op("add", "emails", value=[{**HOME, "primary": True}]),
            [{**WORK, "primary": False}, {**HOME, "primary": True}],
        ),
        (
            op("add", "emails", value=[{"value": "n", "primary": True}]),
            [{**WORK, "primary": False}, HOME, {"value": "n", "primary": True}],
        ),
        (op("add", "emails", value=None), [WORK, HOME]),
        (op("add", "emails", value=[]), [WORK, HOME]),
        (op("add", value={"emails": [{"value": "n"}]}), [WORK, HOME, {"value": "n"}]),
        (op("replace", "emails", value=[{"value": "n"}]), [{"value": "n"}]),
        (op("replace", value={"emails": [{"value": "n"}]}), [{"value": "n"}]),
        (op("replace", "emails", value=[]), None),
        (op("replace", "emails", value=None), None),
        (op("remove", "emails"), None),
        (op("remove", 'emails[type eq "work"]'), [HOME]),
        (op("remove", 'emails[value co "@x"]'), None),
        (
            op("remove", 'emails[type eq "work"].primary'),
            [{"type": "work", "value": "work@x"}, HOME],
        ),
        (op("remove", "emails.value"), [{"type": "work", "primary": True}, {"type": "home"}]),
        (
            op("add", 'emails[type eq "home"]', value={"display": "d"}),
            [WORK, {**HOME, "display": "d"}],
        ),
        (op("replace", 'emails[type eq "home"]', value={"value": "n"}), [WORK, {"value": "n"}]),
        (op("replace", 'emails[type eq "home"]', value={"value": None}), [WORK]),
        (op("replace", 'emails[type eq "home"]', value=None), [WORK]),
    ],
)
def test_several_values(user: ResourceType, operation: dict[str, Any], outcome: Any) -> None:
    """Values are added once, replaced as a whole or by filter, removed as a whole or by filter."""
    assert patched(user, operation).get("emails") == outcome


@pytest.mark.parametrize("name", ["remove", "add", "replace"])
def test_elements_of_which_nothing_is_left(lenient_user: ResourceType, name: str) -> None:
    """Elements without a value are removed, also beside a primary one."""
    work = {"type": "work", "locality": "Reading", "primary": True}
    home = {"type": "home", "streetAddress": "1 Low Street"}
    after = patched(
        lenient_user,
        op("add", "addresses", value=[home, {**work, "streetAddress": "2 High Street"}]),
        op(name, "addresses.streetAddress", value=None),
        op("replace", "active", value=False),
    )
    assert after["addresses"] == [work]
    assert after["active"] is False


def test_simple_values(user: ResourceType) -> None:
    """A list of simple values is changed in the same ways."""
    path = f"{CUSTOM_URN}:tags"
    for operation, tags in (
        (op("add", path, value=["y", "z"]), ["x", "y", "z"]),
        (op("add", path, value="z"), ["x", "y", "z"]),
        (op("replace", path, value=["z"]), ["z"]),
        (op("remove", f'{path}[value eq "X"]'), ["y"]),
        (op("replace", f'{path}[value eq "x"]', value="z"), ["z", "y"]),
    ):
        assert patched(user, operation)[CUSTOM_URN]["tags"] == tags


@pytest.mark.parametrize(
    ("path", "attribute", "outcome"),
    [
        ("active", "active", None),
        ("title", "title", None),
        ("name.givenName", "name", {"familyName": "Young"}),
        ("name", "name", None),
        (URN_ENTERPRISE_USER, URN_ENTERPRISE_USER, None),
        (f"{URN_ENTERPRISE_USER}:manager", URN_ENTERPRISE_USER, {"department": "Sales"}),
    ],
)
def test_remove(user: ResourceType, path: str, attribute: str, outcome: Any) -> None:
    """A remove unassigns; a complex value or an extension without parts is gone."""
    assert patched(user, op("remove", path)).get(attribute) == outcome


def test_operations_follow_each_other(user: ResourceType) -> None:
    """Each operation works on the result of the one before; schemas are derived at the end."""
    result = patched(
        user,
        op("remove", URN_ENTERPRISE_USER),
        op("replace", value={"displayName": "J", "name": {"familyName": "Old"}}),
        op("add", "photos", value=[{"type": "photo", "value": "p"}]),
        op("replace", 'photos[type eq "photo"].value', value="q"),
    )
    assert result["schemas"] == [URN_USER, CUSTOM_URN]
    assert result["photos"] == [{"type": "photo", "value": "q"}]
    assert result["name"] == {"familyName": "Old", "givenName": "Joy"}
    assert (result["id"], result["meta"]) == ("1", STORED["meta"])


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    ("operation", "scim_type", "detail"),
    [
        (op("remove"), "noTarget", '"path" is missing'),
        (op("move", "title"), "invalidSyntax", '"op" must be'),
        (op("add", "title"), "invalidValue", '"value" is missing'),
        (op("add", value="x"), "invalidSyntax", '"value" must be a JSON object'),
        (op("add", 5, value="x"), "invalidPath", '"path" must be a string'),  # type: ignore[arg-type]
        (op("add", "a b", value="x"), "invalidPath", '"a b"'),
        (op("add", 'emails[bad eq "x"]', value={}), "invalidFilter", '"bad"'),
        (op("replace", "active", value="maybe"), "invalidValue", "active must be true or false"),
        (op("replace", "name", value="Joy"), "invalidValue", "name must be an object"),
        (op("replace", "emails", value=[5]), "invalidValue", "emails[0] must be an object"),
        (op("replace", 'emails[type eq "x"].value', value=5), "invalidValue", "must be a string"),
        (op("replace", "id", value="2"), "mutability", "id is read-only"),
        (op("remove", "meta.created"), "mutability", "meta.created is read-only"),
        (
            op("add", f"{URN_ENTERPRISE_USER}:manager.displayName", value="x"),
            "mutability",
            "manager.displayName is read-only",
        ),
        (op("remove", "userName"), "mutability", "userName is required"),
        (op("replace", "userName", value=None), "mutability", "userName is required"),
        (op("replace", f"{CUSTOM_URN}:code", value="B"), "mutability", "code is immutable"),
        (op("remove", f"{CUSTOM_URN}:code"), "mutability", "code is immutable"),
        (
            op("replace", 'emails[value co "@"].primary', value=True),
            "invalidValue",
            "only one can be primary",
        ),
        (
            op(
                "add",
                "emails",
                value=[{"value": "a", "primary": True}, {"value": "b", "primary": True}],
            ),
            "invalidValue",
            "more than one value that is primary",
        ),
        ("x", "invalidSyntax", "must be a JSON object"),
    ],
)
def test_refusals(
    user: ResourceType,
    lenient_user: ResourceType,
    operation: Any,
    scim_type: str,
    detail: str,
    lenient: bool,
) -> None:
    """No leniency accepts these operations; the type is that of RFC 7644 table 9."""
    error = refused(lenient_user if lenient else user, operation)
    assert (error.status, error.scim_type) == (400, scim_type)
    assert detail in error.detail


@pytest.mark.parametrize(
    "operation",
    [
        op("replace", 'emails[type eq "other"].value', value="n"),
        op("replace", 'emails[type eq "other"]', value={"value": "n"}),
        op("remove", 'emails[type eq "other"]'),
        op("replace", "photos.value", value="n"),
    ],
)
def test_no_target_in_the_strict_profile(user: ResourceType, operation: dict[str, Any]) -> None:
    """A value filter that selects nothing is noTarget."""
    assert refused(user, operation).scim_type == "noTarget"


def test_filter_that_describes_no_element(lenient_user: ResourceType) -> None:
    """Only equalities describe a new element."""
    operation = op("add", 'emails[type ne "work" and type ne "home"].value', value="n")
    error = refused(lenient_user, operation)
    assert error.scim_type == "noTarget"
    assert "does not describe" in error.detail


def test_number_of_values_is_limited(user: ResourceType) -> None:
    """The number of values of one attribute is limited."""
    full = {**STORED, "emails": [{"value": str(index)} for index in range(1000)]}
    operations = parse_patch(message(op("add", "emails", value=[{"value": "n"}])), user)
    with pytest.raises(ScimError, match="at most 1000"):
        apply_patch(user, full, operations)


def test_schemas_cannot_be_patched(user: ResourceType) -> None:
    """Operations on schemas are ignored; schemas are derived from the attributes."""
    result = patched(user, op("add", "schemas", value=["urn:x:y"]), op("add", "title", value="t"))
    assert (result["title"], result["schemas"]) == ("t", STORED["schemas"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "replace", "remove", "x"])},
            optional={
                "path": st.text(max_size=5)
                | st.sampled_from(
                    ["emails", 'emails[type eq "a"]', "name", "emails.value", "members"]
                ),
                "value": st.none()
                | st.booleans()
                | st.text(max_size=3)
                | st.lists(
                    st.dictionaries(st.sampled_from(["value", "type"]), st.none() | st.text())
                )
                | st.dictionaries(
                    st.sampled_from(["value", "emails", "name"]), st.none() | st.text()
                ),
            },
        ),
        max_size=3,
    ),
    st.booleans(),
)
def test_any_operations_are_applied_or_refused(
    user: ResourceType, lenient_user: ResourceType, operations: list[Any], lenient: bool
) -> None:
    """Whatever the operations, the outcome is a resource or a ScimError."""
    try:
        result = patched(lenient_user if lenient else user, *operations)
    except ScimError:
        return
    assert result["userName"] == "joy"
