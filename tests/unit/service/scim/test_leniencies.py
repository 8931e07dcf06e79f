"""Each leniency overlooks one thing, and nothing is overlooked without it."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from scim_service.scim.bulk import parse_bulk
from scim_service.scim.errors import ScimError
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.leniencies import NO_LENIENCIES, Leniencies
from scim_service.scim.messages import URN_BULK_REQUEST, URN_PATCH_OP, URN_USER
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.projection import Projection
from scim_service.scim.resource.canonical import validate
from scim_service.scim.schemas.registry import Registry
from scim_service.scim.schemas.resource_type import ResourceType

Act = Callable[[ResourceType], Any]

STORED: dict[str, Any] = {
    "schemas": [URN_USER],
    "userName": "joy",
    "emails": [{"type": "work", "value": "joy@x"}],
}
WORK = 'emails[type eq "work"]'
PHONE = 'phoneNumbers[type eq "work"].value'


def resolve(text: str) -> Act:
    """Parse and resolve a filter."""
    return lambda user: resolve_filter(parse_filter(text, user.leniencies), user)


def patch(*operations: dict[str, Any]) -> Act:
    """Parse operations, and apply them to `STORED`."""
    body = {"schemas": [URN_PATCH_OP], "Operations": list(operations)}
    return lambda user: apply_patch(user, STORED, parse_patch(body, user))


def bulk(user: ResourceType) -> Any:
    """Parse a bulk request with its method in lower case."""
    operation = {"method": "delete", "path": "/Users/1"}
    body = {"schemas": [URN_BULK_REQUEST], "Operations": [operation]}
    return parse_bulk(body, max_operations=1, leniencies=user.leniencies)


CASES: dict[str, Act] = {
    "ignores_missing_schemas": lambda user: validate(user, {"userName": "joy"}),
    "skips_unknown_attributes": lambda user: validate(
        user, {"schemas": [URN_USER], "userName": "joy", "nickname2": "x"}
    ),
    "finds_short_names": resolve("department pr"),
    "reads_unquoted_literals": resolve("externalId eq jyoung"),
    "converts_literals": resolve('active eq "True"'),
    "accepts_filters_in_attribute_lists": lambda user: Projection.parse(user, WORK),
    "prefers_included_attributes": lambda user: Projection.parse(user, "name", "emails"),
    "accepts_empty_patch": patch(),
    "accepts_values_in_remove": patch(
        {"op": "remove", "path": "emails", "value": [{"value": "joy@x"}]}
    ),
    "creates_described_elements": patch({"op": "add", "path": PHONE, "value": "1"}),
    "reads_methods_in_any_case": bulk,
}
"""What is refused without the leniency."""

OUTCOMES: dict[str, tuple[Act, Any, Any]] = {
    "keeps_described_parts": (
        patch({"op": "replace", "path": WORK, "value": {"value": "new@x"}}),
        [{"value": "new@x"}],
        [{"type": "work", "value": "new@x"}],
    ),
    "removes_elements_without_value": (
        patch({"op": "remove", "path": f"{WORK}.value"}),
        [{"type": "work"}],
        None,
    ),
}
"""Emails after a change, without the leniency and with it."""


def user_with(leniencies: Leniencies) -> ResourceType:
    """Return the resource type User of a tenant with these leniencies."""
    return Registry.load((), leniencies).user


def test_every_leniency_has_a_case() -> None:
    """A new leniency needs a case here."""
    assert sorted([*CASES, *OUTCOMES]) == sorted(each.name for each in fields(Leniencies))


@pytest.mark.parametrize("name", CASES)
def test_refused_without_the_leniency(name: str) -> None:
    """The request is refused by the RFCs, and accepted by this leniency alone."""
    with pytest.raises(ScimError):
        CASES[name](user_with(NO_LENIENCIES))
    assert CASES[name](user_with(Leniencies(**{name: True}))) is not None


@pytest.mark.parametrize("name", CASES)
def test_no_other_leniency_accepts_the_request(name: str) -> None:
    """All other leniencies together do not accept what this one accepts."""
    others = {each.name: each.name != name for each in fields(Leniencies)}
    with pytest.raises(ScimError):
        CASES[name](user_with(Leniencies(**others)))


@pytest.mark.parametrize("name", OUTCOMES)
def test_another_outcome_with_the_leniency(name: str) -> None:
    """The change is accepted in both cases, with another outcome."""
    act, without, expected = OUTCOMES[name]
    assert act(user_with(NO_LENIENCIES)).get("emails") == without
    assert act(user_with(Leniencies(**{name: True}))).get("emails") == expected


def test_resource_types_keep_their_leniencies_apart() -> None:
    """Cached paths and lists of attributes of one tenant are not taken for another one's."""
    lenient, strict = user_with(Leniencies(finds_short_names=True)), user_with(NO_LENIENCIES)
    for _ in range(2):
        assert Projection.parse(lenient, "department").included
        assert not Projection.parse(strict, "department").included
