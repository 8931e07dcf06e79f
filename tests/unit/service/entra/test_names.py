"""Names of attributes in the spellings that clients have for them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service import entra
from scim_service.entra.leniencies import ENTRA_LENIENCIES
from scim_service.entra.names import find_meaning
from scim_service.scim.budget import Budget
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_GROUP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.resource.canonical import validate
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.skipped import NAME_CHARACTERS, Name, Skipped

from tests.unit.service.conftest import CUSTOM_URN

OLD_CORE = "urn:scim:schemas:core:1.0"
OLD_ENTERPRISE = "urn:scim:schemas:extension:enterprise:1.0"
STORED: dict[str, Any] = {"schemas": [URN_USER], "userName": "joy", "active": True}

Put = Callable[..., dict[str, Any]]


def patched(
    user: ResourceType, *operations: dict[str, Any], skipped: Skipped | None = None
) -> dict[str, Any]:
    body = entra.normalise_patch(user, {"Operations": list(operations)}, skipped=skipped)
    parsed = parse_patch(body, user, skipped=skipped)
    return apply_patch(user, STORED, parsed)


def by_path(user: ResourceType, name: str, value: Any, **told: Skipped) -> dict[str, Any]:
    return patched(user, {"op": "Replace", "path": name, "value": value}, **told)


def by_key(user: ResourceType, name: str, value: Any, **told: Skipped) -> dict[str, Any]:
    return patched(user, {"op": "add", "value": {name: value}}, **told)


def by_post(user: ResourceType, name: str, value: Any, **told: Skipped) -> dict[str, Any]:
    body = entra.normalise_resource(user, {"userName": "joy", name: value})
    return validate(user, body, **told)


PLACES = pytest.mark.parametrize("put", [by_path, by_key, by_post])
ACTIVE = [
    "active",
    "ACTIVE",
    " active ",
    f"{URN_USER}:active",
    f"{URN_USER}.active",
    f"{URN_USER.upper()}.Active",
    f" {URN_USER} : active",
    "urn:ietf:params:scim:schemas:core:2.0:active",
    "urn:ietf:params:scim:schemas:core:2.0.active",
    f"{OLD_CORE}:active",
    f"{OLD_CORE}.active",
    f"{OLD_CORE}:User:active",
    "urn:scim:schemas:core:2.0:User:active",
]


@PLACES
@pytest.mark.parametrize("name", ACTIVE)
@pytest.mark.parametrize("value", ["False", False, [{"value": "False"}]], ids=str)
def test_a_disable_is_a_disable(user: ResourceType, put: Put, name: str, value: Any) -> None:
    """Each spelling of ``active`` disables the user."""
    assert put(user, name, value)["active"] is False


@PLACES
@pytest.mark.parametrize("core", [URN_USER, URN_USER.lower(), OLD_CORE, f" {URN_USER}:"])
def test_the_core_schema_as_an_object(user: ResourceType, put: Put, core: str) -> None:
    """An object under the core schema's URN may hold attributes."""
    value = {
        "active": "False",
        "name.givenName": "Erna",
        "Title": ["Boss"],
        'emails[type eq "work"].value': "e@x",
        "department": "R&D",
        f"{CUSTOM_URN}.badge": "4",
    }
    after = put(user, core, value)
    assert (after["active"], after["name"], after["title"]) == (
        False,
        {"givenName": "Erna"},
        "Boss",
    )
    assert after["emails"] == [{"type": "work", "value": "e@x"}]
    assert after[URN_ENTERPRISE_USER] == {"department": "R&D"}
    assert after[CUSTOM_URN] == {"badge": 4}


@PLACES
@pytest.mark.parametrize(
    "name",
    [
        "department",
        f"{URN_ENTERPRISE_USER}:department",
        f"{URN_ENTERPRISE_USER}.department",
        f"{URN_ENTERPRISE_USER.lower()}.Department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0User:department",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:department",
        "urn:scim:schemas:extension:enterprise:2.0:department",
        "urn:scim:schemas:extension:enterprise:2.0:User.department",
        f"{OLD_ENTERPRISE}:department",
        f"{OLD_ENTERPRISE}.department",
        f"{OLD_ENTERPRISE}:User:department",
    ],
)
def test_an_attribute_of_the_enterprise_extension(user: ResourceType, put: Put, name: str) -> None:
    """A dot after the URN, and the URNs of SCIM 1.1, are other spellings of the URN."""
    assert put(user, name, "R&D")[URN_ENTERPRISE_USER] == {"department": "R&D"}


@PLACES
@pytest.mark.parametrize(
    "name",
    ["manager", "manager.value", f"{URN_ENTERPRISE_USER}.manager", f"{OLD_ENTERPRISE}:manager"],
)
@pytest.mark.parametrize("value", ["m", [{"$ref": None, "value": "m"}]], ids=str)
def test_the_manager(user: ResourceType, put: Put, name: str, value: Any) -> None:
    """The names of the manager and of its id have the same other spellings."""
    assert put(user, name, value)[URN_ENTERPRISE_USER] == {"manager": {"value": "m"}}


@PLACES
@pytest.mark.parametrize("urn", [URN_ENTERPRISE_USER, OLD_ENTERPRISE, f"{URN_ENTERPRISE_USER} "])
def test_an_extension_as_an_object(user: ResourceType, put: Put, urn: str) -> None:
    """An object under another spelling of the URN may have paths as its keys."""
    value = {"department": "R&D", "manager.value": "m"}
    assert put(user, urn, value)[URN_ENTERPRISE_USER] == {
        "department": "R&D",
        "manager": {"value": "m"},
    }


@PLACES
@pytest.mark.parametrize("dot", [":", ".", " : "])
def test_a_tenants_own_extension(user: ResourceType, put: Put, dot: str) -> None:
    """A dot may follow the URN of a tenant's extension."""
    assert put(user, f"{CUSTOM_URN}{dot}badge", "4")[CUSTOM_URN] == {"badge": 4}
    assert put(user, f"{CUSTOM_URN}{dot}desk.floor", "3")[CUSTOM_URN] == {"desk": {"floor": "3"}}


@PLACES
@pytest.mark.parametrize(
    "name",
    [
        'emails[type eq "work"].value',
        'emails [type eq "work"].value',
        'emails[ type  eq "work" ] .value',
        ' emails[type eq "work"] . value ',
        f'{URN_USER}.emails[type eq "work"].value',
    ],
)
def test_blanks_in_a_path(user: ResourceType, put: Put, name: str) -> None:
    """Blanks beside dots and brackets are removed."""
    assert put(user, name, "e@x")["emails"] == [{"type": "work", "value": "e@x"}]
    assert put(user, "name . givenName", "Erna")["name"] == {"givenName": "Erna"}


def test_blanks_within_a_value_stay(user: ResourceType) -> None:
    """Blanks within quotes belong to the value."""
    path = ' emails[type eq " a . b " ] .value'
    assert by_path(user, path, "e@x")["emails"] == [{"type": " a . b ", "value": "e@x"}]


@pytest.mark.parametrize("path", ["emails type", "emails[type eq work", "[x]", "", "a..b"])
def test_a_path_that_is_none_is_refused(user: ResourceType, path: str) -> None:
    """A malformed path is refused, not skipped as an unknown attribute."""
    with pytest.raises(ScimError) as caught:
        by_path(user, path, "x")
    assert caught.value.status == 400


def test_an_extension_of_the_tenant_has_its_own_urn() -> None:
    """A tenant's extension that has a URN of SCIM 1.1 is found before the enterprise extension."""
    schema = {"id": OLD_ENTERPRISE, "name": "Old", "attributes": [{"name": "department"}]}
    user = Registry.load([schema], ENTRA_LENIENCIES).user
    assert by_path(user, f"{OLD_ENTERPRISE}.department", "x")[OLD_ENTERPRISE] == {"department": "x"}


def test_names_of_groups(group: ResourceType) -> None:
    """Attributes of groups have the same other spellings; those of users are unknown."""
    for name in (f"{URN_GROUP}.displayName", "urn:scim:schemas:core:1.0:Group:displayName"):
        meaning = find_meaning(name, group)
        assert meaning is not None
        assert str(meaning.target) == "displayName"
    assert find_meaning(f"{URN_USER}.displayName", group) is None


# The body of a POST or PUT


def posted(user: ResourceType, **values: Any) -> dict[str, Any]:
    body = {"userName": "joy", **values}
    return validate(user, entra.normalise_resource(user, body))


def test_paths_of_one_element_make_one_element(user: ResourceType) -> None:
    """Several paths with the same value filter change one element, new or existing."""
    work = {
        'emails[type eq "work"].value': "w@x",
        'emails[type eq "work"].primary': "True",
        'emails[type eq "home"].value': "h@x",
    }
    element = {"type": "work", "value": "w@x", "primary": True}
    home = {"type": "home", "value": "h@x"}
    assert posted(user, **work)["emails"] == [element, home]
    mails = [{"Type": "work", "display": "W"}]
    assert posted(user, emails=mails, **work)["emails"] == [{**element, "display": "W"}, home]


def test_a_value_path_with_a_whole_element(user: ResourceType) -> None:
    """The element gets the type that its path names."""
    after = posted(user, **{'emails[type eq "work"]': [{"value": "w@x"}]})
    assert after["emails"] == [{"type": "work", "value": "w@x"}]


def test_what_has_its_own_name_counts_more(user: ResourceType) -> None:
    """A path adds a missing value; it never replaces a value under the attribute's own name."""
    after = posted(
        user,
        name={"givenName": "Own"},
        title="Own",
        **{
            URN_ENTERPRISE_USER: {"department": "Own"},
            "name.givenName": "Path",
            "name.familyName": "Path",
            f"{URN_USER}:title": "Path",
            "department": "Path",
            f"{URN_ENTERPRISE_USER}.costCenter": "Path",
        },
    )
    assert (after["name"], after["title"]) == ({"givenName": "Own", "familyName": "Path"}, "Own")
    assert after[URN_ENTERPRISE_USER] == {"department": "Own", "costCenter": "Path"}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"name": "Joy", "name.givenName": "Joy"}, "name must be an object"),
        ({URN_ENTERPRISE_USER: "x", "department": "x"}, "must be an object"),
        ({'emails[type ne "work"].value': "x"}, "does not describe"),
        ({"name.givenName": 5}, "name.givenName must be a string"),
    ],
)
def test_a_wrong_value_beside_a_path_is_refused(
    user: ResourceType, values: dict[str, Any], named: str
) -> None:
    """A wrong value under the attribute's own name is refused in spite of a path."""
    with pytest.raises(ScimError, match=named):
        posted(user, **values)


def test_values_by_paths_are_paid_for(user: ResourceType) -> None:
    """The budget bounds the cost of very many value paths in one body."""
    body = {"userName": "joy", **{f'emails[type eq "{n}"].value': "x" for n in range(5000)}}
    with pytest.raises(ScimError) as caught:
        entra.normalise_resource(user, body, budget=Budget(25_000))
    assert caught.value.scim_type == "tooMany"


# What is unknown, and what is read-only


@PLACES
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("costCentreOld", "x", "costCentreOld"),
        ("name", {"givenName": "E", "nick": "x"}, "name.nick"),
        ("emails", [{"value": "e@x", "note": "x"}], "emails.note"),
        (URN_ENTERPRISE_USER, {"floor": "1"}, f"{URN_ENTERPRISE_USER}:floor"),
        ("urn:example:other:2.0:User", {"a": 1}, "urn:example:other:2.0:User"),
        ("urn:example:other:2.0:User:a", 1, "urn:example:other:2.0:User:a"),
        (f"{URN_USER}.actve", False, f"{URN_USER}.actve"),
        ('nothing[value eq "joy@contoso.com"].x', 1, "nothing.x"),
    ],
)
def test_what_is_unknown_is_told(
    user: ResourceType, put: Put, name: str, value: Any, told: str
) -> None:
    """Unknown names are skipped and recorded, without the values of their filters."""
    skipped = Skipped()
    put(user, name, value, skipped=skipped)
    assert list(skipped) == [Name("unknown", told)]


@pytest.mark.parametrize(
    "path", ["meta.created", "groups", f"{URN_ENTERPRISE_USER}:manager.displayName", "id"]
)
@pytest.mark.parametrize("op", ["Replace", "Add", "Remove"])
def test_a_read_only_path_is_skipped_and_told(user: ResourceType, path: str, op: str) -> None:
    """The operations beside a read-only path are applied."""
    skipped = Skipped()
    disable = {"op": "Replace", "path": "active", "value": "False"}
    after = patched(user, {"op": op, "path": path, "value": "x"}, disable, skipped=skipped)
    assert after == {**STORED, "active": False}
    assert list(skipped) == [Name("readOnly", path)]


@pytest.mark.parametrize("path", ["id", f"{URN_USER}.id"])
def test_nothing_but_an_id_is_refused(user: ResourceType, path: str) -> None:
    """After a success, the client would continue with an id that no resource has."""
    with pytest.raises(ScimError, match="id is read-only") as caught:
        by_path(user, path, "other")
    assert caught.value.scim_type == "mutability"


def test_a_name_that_is_told_is_bounded_and_printable() -> None:
    """Recorded names are safe for logs and for a status."""
    skipped = Skipped()
    for name in ["a\nb", "ä\x1b[31m", "x" * 10_000, *map(str, range(100))]:
        skipped.add("unknown", name)
    names = [each.name for each in skipped]
    assert names[:3] == ["a?b", "??", "x" * NAME_CHARACTERS]
    assert len(names) == 20


NAMES = st.lists(
    st.sampled_from(
        [URN_USER, OLD_CORE, URN_ENTERPRISE_USER, CUSTOM_URN, "urn:", ":", ".", " ", "name",
         "emails", "value", "active", "desk", '[type eq "x"]', "[", "]", "User", "é"]
    ),
    max_size=6,
).map("".join)  # fmt: skip


@given(NAMES, st.sampled_from([None, "", "x", {}, {"value": "x"}, ["x"], {"active": False}]))
def test_any_name_is_understood_refused_or_told(user: ResourceType, name: str, value: Any) -> None:
    """No name causes an internal error, and a name without effect is recorded."""
    for put in (by_path, by_key, by_post):
        skipped = Skipped()
        try:
            after = put(user, name, value, skipped=skipped)
        except ScimError:
            continue
        meant = find_meaning(name, user) is not None or user.attribute(name) is not None
        assert meant or skipped or put is by_key
        assert after["userName"] == "joy" or "username" in name.lower()
