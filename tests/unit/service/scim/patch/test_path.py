"""Paths of PATCH operations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.tree import Compare
from scim_service.scim.messages import URN_ENTERPRISE_USER, URN_USER
from scim_service.scim.patch.path import PatchPath, parse_path, resolve_patch_path
from scim_service.scim.schemas.resource_type import ResourceType

WORK = Compare(AttributePath(None, "type"), "eq", "work")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("userName", PatchPath(AttributePath(None, "userName"))),
        ("name.familyName", PatchPath(AttributePath(None, "name", "familyName"))),
        ('emails[type eq "work"]', PatchPath(AttributePath(None, "emails"), WORK)),
        ('emails[type eq "work"].value', PatchPath(AttributePath(None, "emails"), WORK, "value")),
        (
            f"{URN_ENTERPRISE_USER}:employeeNumber",
            PatchPath(AttributePath(URN_ENTERPRISE_USER, "employeeNumber")),
        ),
        (
            f"{URN_ENTERPRISE_USER}:manager.value",
            PatchPath(AttributePath(URN_ENTERPRISE_USER, "manager", "value")),
        ),
        (
            f'{URN_USER}:emails[type eq "work"].value',
            PatchPath(AttributePath(URN_USER, "emails"), WORK, "value"),
        ),
    ],
)
def test_forms(text: str, path: PatchPath) -> None:
    """Each form of RFC 7644 figure 7 is parsed, with a URN that has dots and colons."""
    assert parse_path(text) == path
    assert str(path) == text


@pytest.mark.parametrize(
    ("text", "scim_type"),
    [
        ("", "invalidPath"),
        ("a b", "invalidPath"),
        ("a.b.c", "invalidPath"),
        ("[type pr]", "invalidPath"),
        ('emails[type eq "work"', "invalidFilter"),
        ("emails[]", "invalidFilter"),
        ("emails[type eq work]", "invalidFilter"),
        ('emails[type eq "work"]value', "invalidPath"),
        ('emails[type eq "work"].', "invalidPath"),
        ('emails[type eq "work"].a.b', "invalidPath"),
        ('emails[type eq "work"][type pr]', "invalidPath"),
        ("a" * 10_000, "invalidPath"),
    ],
)
def test_malformed_path(text: str, scim_type: str) -> None:
    """A malformed path is refused with the type that RFC 7644 table 9 gives it."""
    with pytest.raises(ScimError) as caught:
        parse_path(text)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("USERNAME", "userName"),
        (f"{URN_USER}:username", "userName"),
        ('Emails[Type eq "work"].VALUE', 'emails[type eq "work"].value'),
        (f"{URN_ENTERPRISE_USER.lower()}:MANAGER", f"{URN_ENTERPRISE_USER}:manager"),
        (URN_ENTERPRISE_USER.upper(), URN_ENTERPRISE_USER),
    ],
)
def test_canonical_spelling(user: ResourceType, text: str, canonical: str) -> None:
    """A path is bound to the attribute in the spelling of its schema."""
    resolved = resolve_patch_path(parse_path(text), user)
    assert str(resolved) == canonical


@pytest.mark.parametrize(
    "text", ["nothing", "emails.nothing", 'emails[type eq "a"].no', "urn:a:b:c"]
)
def test_unknown_attribute(user: ResourceType, text: str) -> None:
    """A path to an unknown attribute is None."""
    assert resolve_patch_path(parse_path(text), user) is None


def test_short_name_of_an_extension_attribute(
    user: ResourceType, lenient_user: ResourceType
) -> None:
    """An extension attribute is found without its URN only by a leniency."""
    path = parse_path("manager")
    assert resolve_patch_path(path, user) is None
    assert str(resolve_patch_path(path, lenient_user)) == f"{URN_ENTERPRISE_USER}:manager"


def test_value_filter_on_a_single_value(user: ResourceType) -> None:
    """Only a multi-valued attribute can have brackets."""
    with pytest.raises(ScimError, match="one value only") as caught:
        resolve_patch_path(parse_path('name[familyName eq "x"]'), user)
    assert caught.value.scim_type == "invalidPath"


@given(st.text() | st.from_regex(r'[a-z:.]{1,9}\[[a-z .()"]{0,20}\]?[.a-z]{0,5}', fullmatch=True))
def test_any_text_is_parsed_or_refused(lenient_user: ResourceType, text: str) -> None:
    """Whatever the text, the outcome is a path or a ScimError."""
    try:
        path = parse_path(text, lenient_user.leniencies)
        resolve_patch_path(path, lenient_user)
    except ScimError:
        return
    assert parse_path(str(path), lenient_user.leniencies) == path
