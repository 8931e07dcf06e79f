"""Filters as text."""

from hypothesis import given
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.printer import print_filter
from scim_service.scim.filter.tree import Filter
from scim_service.scim.schemas.resource_type import ResourceType

from tests.unit.service.scim.filter.sample_filters import FILTERS


@given(FILTERS)
def test_print_and_parse_are_inverse(lenient_user: ResourceType, tree: Filter) -> None:
    """Any tree comes back from its print, with leniencies and without."""
    text = print_filter(tree)
    assert parse_filter(text) == tree
    assert parse_filter(text, lenient_user.leniencies) == tree
