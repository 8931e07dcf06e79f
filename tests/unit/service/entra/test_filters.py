"""Entra's habits in filters, which the leniencies accept.

Each test names the chapter of Microsoft's behaviour that it belongs to: 1.2 what a server must do,
1.3 requests of a cycle, 1.8 Microsoft's acceptance tests, 1.9 reports from the field; `collection`
stands for Microsoft's Postman collection.
"""

import pytest
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.entra.requests import found


def test_1_2_filter_on_a_matching_attribute(user: ResourceType) -> None:
    """Filters find users by each matching attribute, in the bracket form too."""
    assert found(user, 'emails[type eq "work"].value eq "JOY@contoso.com"')
    assert not found(user, 'emails[type eq "home"].value eq "joy@contoso.com"')


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("externalId eq jyoung", True),
        ("externalId eq JYoung", False),
        ("id eq 1 and manager eq m", True),
        ("id eq 1 and manager eq other", False),
        ('id eq "1" and manager.value eq "m"', True),
    ],
)
def test_1_3_filter_without_quotes(user: ResourceType, text: str, outcome: bool) -> None:
    """The tutorial's examples of queries have literals without quotes and short names."""
    assert found(user, text) is outcome


def test_1_3_filter_on_members(group: ResourceType) -> None:
    """``id eq "g" and members eq "u"`` checks that a group has a member."""
    tree = resolve_filter(parse_filter('id eq "g" and members eq "u"'), group)
    assert matches(tree, {"id": "g", "members": [{"value": "t"}, {"value": "u"}]})
    assert not matches(tree, {"id": "g", "members": [{"value": "t"}]})


def test_1_8_filter_in_another_case(user: ResourceType) -> None:
    """A user is found by userName in any case."""
    assert found(user, 'userName eq "JOY"')
    assert found(user, 'USERNAME EQ "Joy"')


@pytest.mark.parametrize("primary", ["true", '"True"', '"true"', "True"])
def test_1_9_filter_on_primary(user: ResourceType, primary: str) -> None:
    """``emails[primary eq true].value`` works in filters, with the boolean as text too."""
    assert found(user, f'emails[primary eq {primary}].value eq "joy@contoso.com"')
    assert not found(user, f'emails[primary eq {primary}].value eq "other"')


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("name.FamilyName eq Young and (emails.Value co contoso.com or emails.Value co x)", True),
        ("name.FamilyName eq Employee and (emails.Value co contoso.com)", False),
        ("userName sw J", True),
        ('DisplayName eq "BobIsAmazing"', False),
    ],
)
def test_collection_filters(user: ResourceType, text: str, outcome: bool) -> None:
    """Filters have names in capitals and literals without quotes."""
    assert found(user, text) is outcome
