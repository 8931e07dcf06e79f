"""Attribute mappings, and the target attributes that they are made of."""

from typing import Any

import pytest

from tests.entra import Mapping, User
from tests.entra.attributes import Target

_MANAGER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
_USER = User("o1", {"userPrincipalName": "a@b.example", "mail": "M@b.example", "givenName": "Ä"})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("userName", (None, "userName", None, None, None)),
        ("name.givenName", (None, "name", None, None, "givenName")),
        ('emails[type eq "work"].value', (None, "emails", "type", "work", "value")),
        ('roles[primary eq "True"].value', (None, "roles", "primary", "True", "value")),
        (_MANAGER, (_MANAGER.removesuffix(":manager"), "manager", None, None, None)),
    ],
)
def test_parse(text: str, parts: tuple[str | None, ...]) -> None:
    """Every form that the mapping page takes."""
    target = Target.parse(text)
    assert (target.schema, target.attribute, target.key, target.match, target.sub) == parts


@pytest.mark.parametrize("text", ["", "emails[", "a b", "emails[type eq work].value"])
def test_parse_refuses(text: str) -> None:
    """What is no target attribute."""
    with pytest.raises(ValueError, match="not a target attribute"):
        Target.parse(text)


@pytest.mark.parametrize(
    ("text", "resource", "value"),
    [
        ("userName", {"USERNAME": "x"}, "x"),
        ('emails[type eq "work"].value', {"emails": [{"type": "Work", "value": "x"}]}, "x"),
        ('emails[type eq "work"].value', {"emails": None}, None),
        ('roles[primary eq "True"].value', {"roles": [{"primary": True, "value": "x"}]}, "x"),
        (_MANAGER, {_MANAGER.removesuffix(":manager"): {"manager": {"value": "x"}}}, "x"),
        (_MANAGER, {_MANAGER.removesuffix(":manager"): {"manager": "x"}}, "x"),
        (_MANAGER, {}, None),
    ],
)
def test_read(text: str, resource: dict[str, Any], value: Any) -> None:
    """A value is found whatever the case of the names, and None where there is none."""
    assert Target.parse(text).read(resource) == value


def test_sub_attributes_of_one_type_share_an_element() -> None:
    """`type` is unique within an attribute (UTG), so one address is one element."""
    resource: dict[str, Any] = {}
    Target.parse('addresses[type eq "work"].locality').write(resource, "Köln")
    Target.parse('addresses[type eq "work"].country').write(resource, "DE")
    assert resource == {"addresses": [{"type": "work", "locality": "Köln", "country": "DE"}]}


def test_attributes_without_value_do_not_flow() -> None:
    """Entra does not provision nulls."""
    assert Mapping().user_values(_USER) == {
        "userName": "a@b.example",
        "active": True,
        'emails[type eq "work"].value': "M@b.example",
        "name.givenName": "Ä",
        "name.formatted": "Ä",
    }


@pytest.mark.parametrize(
    ("user", "in_scope", "active"),
    [
        (_USER, True, True),
        (_USER, False, False),
        (User("o", _USER.attributes, enabled=False), True, False),
        (User("o", _USER.attributes, soft_deleted=True), True, False),
    ],
)
def test_is_soft_deleted_is_inverted(user: User, in_scope: bool, active: bool) -> None:
    """Disabled, deleted and out of scope all mean active=false."""
    assert Mapping().user_values(user, in_scope=in_scope)["active"] is active


def test_a_mapping_without_mail() -> None:
    """A row can be taken out, by its source."""
    mapping = Mapping().without("mail")
    assert 'emails[type eq "work"].value' not in mapping.user_values(_USER)


def test_a_mapping_with_one_more_row() -> None:
    """A row can be added."""
    mapping = Mapping().with_user("mail", "nickName")
    assert mapping.user_values(_USER)["nickName"] == "M@b.example"


def test_without_references() -> None:
    """A mapping may leave out managers and members."""
    mapping = Mapping().without("manager").without("members")
    assert (mapping.manager, mapping.members) == (None, None)
