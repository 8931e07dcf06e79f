"""Values as text, in lists and in objects that their attribute does not have: one rule for all.

Every shape is tried in every place that a value can be in: a path, a pathless operation, the body
of a POST, a value path, the list of a remove.
"""

from collections.abc import Callable
from typing import Any

import pytest
from scim_service import entra
from scim_service.entra.leniencies import ENTRA_LENIENCIES
from scim_service.scim.errors import ScimError
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.resource.canonical import validate
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

URN = "urn:example:shapes:2.0:User"
COMPLEX = [
    {"name": "floor"},
    {"name": "number", "type": "integer"},
    {"name": "area", "type": "decimal"},
    {"name": "since", "type": "dateTime"},
    {"name": "shared", "type": "boolean"},
]
SCHEMA: dict[str, Any] = {
    "id": URN,
    "name": "Shapes",
    "attributes": [
        {"name": "badge", "type": "integer"},
        {"name": "fte", "type": "decimal"},
        {"name": "contractor", "type": "boolean"},
        {"name": "site"},
        {"name": "numbers", "type": "integer", "multiValued": True},
        {"name": "otherMails", "multiValued": True},
        {"name": "desk", "type": "complex", "subAttributes": COMPLEX},
        {"name": "rooms", "type": "complex", "multiValued": True, "subAttributes": COMPLEX},
    ],
}

Put = Callable[[ResourceType, str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def user() -> ResourceType:
    """Users with an attribute of each type."""
    return Registry.load([SCHEMA], ENTRA_LENIENCIES).user


def stored(**values: Any) -> dict[str, Any]:
    return {"schemas": [URN_USER], "userName": "joy", **values}


def patched(user: ResourceType, before: dict[str, Any], *operations: Any) -> dict[str, Any]:
    body = entra.normalise_patch(user, {"Operations": list(operations)})
    return apply_patch(user, before, parse_patch(body, user))


def by_path(user: ResourceType, path: str, value: Any) -> dict[str, Any]:
    return patched(user, stored(), {"op": "Replace", "path": path, "value": value})


def by_add(user: ResourceType, path: str, value: Any) -> dict[str, Any]:
    return patched(user, stored(), {"op": "Add", "path": path, "value": value})


def by_key(user: ResourceType, path: str, value: Any) -> dict[str, Any]:
    return patched(user, stored(), {"op": "replace", "value": {path: value}})


def by_post(user: ResourceType, path: str, value: Any) -> dict[str, Any]:
    body = entra.normalise_resource(user, {"userName": "joy", path: value})
    return validate(user, body)


PLACES = pytest.mark.parametrize("put", [by_path, by_add, by_key, by_post])


@PLACES
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("badge", "42", 42),
        ("badge", " -7 ", -7),
        ("badge", "+7", 7),
        ("badge", "007", 7),
        ("badge", "9223372036854775807", 9223372036854775807),
        ("fte", "0.5", 0.5),
        ("fte", "1", 1),
        ("fte", "-2.50", -2.5),
        ("fte", "1e-2", 0.01),
        ("contractor", "True", True),
        ("contractor", " false", False),
        ("desk.number", "3", 3),
        ("desk.area", "12.5", 12.5),
        ("desk.shared", "False", False),
    ],
)
def test_text_of_a_type(user: ResourceType, put: Put, name: str, text: str, value: Any) -> None:
    """A number or a boolean may be written as text in each place."""
    holder, _, sub = name.partition(".")
    found = put(user, f"{URN}:{name}", text)[URN][holder]
    found = found[sub] if sub else found
    assert (found, type(found)) == (value, type(value))


@PLACES
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("badge", "4.2"),
        ("badge", "x"),
        ("badge", "1e3"),
        ("badge", "9223372036854775808"),
        ("badge", "1" * 5000),
        ("badge", "٤٢"),
        ("fte", "0,5"),
        ("fte", "1e999"),
        ("fte", "NaN"),
        ("fte", "infinity"),
        ("fte", "1_000"),
        ("contractor", "yes"),
        ("desk.number", "x"),
    ],
)
def test_text_of_no_such_type(user: ResourceType, put: Put, name: str, text: str) -> None:
    """A text that is no number of the type is refused by name."""
    with pytest.raises(ScimError, match=name.rpartition(".")[2]) as caught:
        put(user, f"{URN}:{name}", text)
    assert caught.value.scim_type == "invalidValue"


@PLACES
def test_objects_in_an_extension(user: ResourceType, put: Put) -> None:
    """Sub-attributes of an object, and of each object in a list, have their types."""
    parts = {"number": "1", "area": "2.5", "shared": "true", "floor": ["3"]}
    typed = {"number": 1, "area": 2.5, "shared": True, "floor": "3"}
    assert put(user, f"{URN}:desk", parts)[URN]["desk"] == typed
    assert put(user, f"{URN}:rooms", [parts, {"floor": "4"}])[URN]["rooms"] == [
        typed,
        {"floor": "4"},
    ]


@PLACES
@pytest.mark.parametrize(
    "shape",
    [
        "x",
        ["x"],
        {"value": "x"},
        {"Value": "x"},
        {"value": ["x"]},
        [{"value": "x"}],
        [{"$ref": None, "value": "x"}],
        [{"type": "work", "primary": True, "value": "x"}],
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["title", "name.givenName", f"{URN}:site", f"{URN}:desk.floor"])
def test_shapes_of_a_single_text(user: ResourceType, put: Put, name: str, shape: Any) -> None:
    """A text is taken out of a list, an object, or both."""
    found: Any = put(user, name, shape)
    if name.startswith(URN):
        found, name = found[URN], name.removeprefix(f"{URN}:")
    for step in name.split("."):
        found = found[step]
    assert found == "x"


@PLACES
@pytest.mark.parametrize(
    "shape",
    [["x", "y"], {"values": "x"}, {"value": "x", "formatted": "y"}, {}, [None], [[None]]],
    ids=str,
)
def test_no_shape_of_a_single_text(user: ResourceType, put: Put, shape: Any) -> None:
    """Several values, and objects with other members, are refused."""
    with pytest.raises(ScimError, match="title must be a string"):
        put(user, "title", shape)


@PLACES
@pytest.mark.parametrize("shape", ["", None, [], [""], {"value": ""}, [{"value": None}]], ids=str)
@pytest.mark.parametrize("name", ["title", f"{URN}:otherMails", f"{URN}:badge"])
def test_an_empty_text_in_any_shape(user: ResourceType, put: Put, name: str, shape: Any) -> None:
    """An empty text clears an attribute, single-valued or multi-valued."""
    assert put(user, name, shape) == stored()


@PLACES
@pytest.mark.parametrize(
    "shape",
    ["x", ["x"], {"value": "x"}, [{"value": "x"}], [{"$ref": None, "value": "x"}], [["x"]]],
    ids=str,
)
def test_shapes_of_several_texts(user: ResourceType, put: Put, shape: Any) -> None:
    """A text becomes a list of one, and objects become their values."""
    assert put(user, f"{URN}:otherMails", shape)[URN]["otherMails"] == ["x"]


@PLACES
def test_several_values_of_each_shape(user: ResourceType, put: Put) -> None:
    """The shapes may be mixed, and values have their types."""
    shape = ["1", 2, {"value": "3"}, {"value": 4}]
    assert put(user, f"{URN}:numbers", shape)[URN]["numbers"] == [1, 2, 3, 4]


@PLACES
@pytest.mark.parametrize("shape", ["m", ["m"], {"value": "m"}, [{"value": ["m"]}]], ids=str)
def test_shapes_of_a_manager(user: ResourceType, put: Put, shape: Any) -> None:
    """An id becomes a complex value, also if the id is wrapped."""
    found = put(user, f"{URN_ENTERPRISE_USER}:manager", shape)[URN_ENTERPRISE_USER]
    assert found["manager"] == {"value": "m"}


@PLACES
@pytest.mark.parametrize("shape", ["a@x", ["a@x"], {"value": "a@x"}, [{"value": ["a@x"]}]], ids=str)
def test_shapes_of_mails(user: ResourceType, put: Put, shape: Any) -> None:
    """An id in a list becomes a complex value, too."""
    assert put(user, "emails", shape)["emails"] == [{"value": "a@x"}]


# Value paths

WORK = [{"type": "work", "value": "old@x", "primary": True}]
SHAPES = ["a@x", {"value": "a@x"}, [{"value": "a@x"}], [{"$ref": None, "value": "a@x"}]]


@pytest.mark.parametrize("op", ["Add", "Replace"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("path", ['emails[type eq "work"]', 'emails[type eq "work"].value'])
def test_a_new_element_keeps_its_type(user: ResourceType, path: str, shape: Any, op: str) -> None:
    """The element has the type that its path gave it, so the next operation finds it."""
    created = patched(user, stored(), {"op": op, "path": path, "value": shape})
    assert created["emails"] == [{"type": "work", "value": "a@x"}]
    again = patched(user, created, {"op": op, "path": path, "value": "b@x"})
    assert again["emails"] == [{"type": "work", "value": "b@x"}]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_replaced_element_keeps_its_type(user: ResourceType, shape: Any) -> None:
    """A replaced element keeps the type of its path and loses its other parts."""
    before = stored(emails=WORK)
    operation = {"op": "Replace", "path": 'emails[type eq "work"]', "value": shape}
    assert patched(user, before, operation)["emails"] == [{"type": "work", "value": "a@x"}]


def test_what_a_value_says_counts_more_than_its_path(user: ResourceType) -> None:
    """A type in the value replaces the type of the path."""
    value = {"type": "home", "value": "a@x"}
    operation = {"op": "Replace", "path": 'emails[type eq "work"]', "value": value}
    assert patched(user, stored(emails=WORK), operation)["emails"] == [value]


def test_a_new_element_has_values_of_its_types(user: ResourceType) -> None:
    """A number, a boolean and a time of a value filter are stored as JSON has them."""
    conditions = 'number eq "4" and shared eq "True" and since eq "2026-01-31T09:00:00+01:00"'
    path = f"{URN}:rooms[{conditions}].floor"
    (room,) = patched(user, stored(), {"op": "Add", "path": path, "value": "1"})[URN]["rooms"]
    assert room == {"number": 4, "shared": True, "since": "2026-01-31T08:00:00Z", "floor": "1"}


# Removal


@pytest.mark.parametrize(
    "shape", ["x", ["x"], {"value": "x"}, [{"value": "x"}], [{"$ref": None, "value": "x"}]], ids=str
)
def test_remove_of_texts(user: ResourceType, shape: Any) -> None:
    """A remove finds a value in each shape."""
    before = stored(**{URN: {"otherMails": ["x", "y"]}})
    operation = {"op": "Remove", "path": f"{URN}:otherMails", "value": shape}
    assert patched(user, before, operation)[URN] == {"otherMails": ["y"]}


@pytest.mark.parametrize("shape", ["1", ["1"], {"value": "1"}, [{"value": 1}]], ids=str)
def test_remove_of_numbers(user: ResourceType, shape: Any) -> None:
    """A remove finds a number that is written as text."""
    before = stored(**{URN: {"numbers": [1, 2]}})
    operation = {"op": "Remove", "path": f"{URN}:numbers", "value": shape}
    assert patched(user, before, operation)[URN] == {"numbers": [2]}


def test_remove_of_an_element_by_typed_parts(user: ResourceType) -> None:
    """The parts that name an element are of their types."""
    rooms = [{"number": 1, "shared": True}, {"number": 2, "shared": True}]
    value = [{"number": "1", "shared": "True"}]
    operation = {"op": "Remove", "path": f"{URN}:rooms", "value": value}
    assert patched(user, stored(**{URN: {"rooms": rooms}}), operation)[URN]["rooms"] == rooms[1:]


@pytest.mark.parametrize("shape", [[], "", [""], [None], {"value": ""}, [{"value": None}]], ids=str)
def test_remove_of_nothing_removes_none(user: ResourceType, shape: Any) -> None:
    """A remove that names no value removes nothing."""
    before = stored(schemas=[URN_USER, URN], **{URN: {"otherMails": ["x", "y"]}})
    operation = {"op": "Remove", "path": f"{URN}:otherMails", "value": shape}
    assert patched(user, before, operation) == before


# Primaries


@PLACES
def test_the_first_of_two_primaries_counts(user: ResourceType, put: Put) -> None:
    """PingOne sends both mails as primary; only the first one stays primary."""
    mails = [
        {"type": "other", "value": "o@x"},
        {"type": "work", "value": "w@x", "primary": "True"},
        {"type": "home", "value": "h@x", "Primary": True},
    ]
    assert [each.get("primary") for each in put(user, "emails", mails)["emails"]] == [
        None,
        True,
        False,
    ]


def test_a_primary_that_comes_later_takes_the_place(user: ResourceType) -> None:
    """RFC 7644 section 3.5.2: the last operation decides which value is primary."""
    value = [{"type": "home", "value": "h@x", "primary": True}]
    operation = {"op": "Add", "path": "emails", "value": value}
    after = patched(user, stored(emails=WORK), operation)["emails"]
    assert [each["primary"] for each in after] == [False, True]
