"""Shapes and literals of filters."""

from typing import Any

from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.shape import split_literals
from scim_service.scim.schemas.resource_type import ResourceType


def test_shape_is_shared(user: ResourceType) -> None:
    """Filters that differ in literals and spelling only have one shape."""

    def parts(text: str) -> tuple[Any, ...]:
        return split_literals(resolve_filter(parse_filter(text), user))

    first = parts('emails[type eq "work"].value eq "a" or not (username eq "b")')
    second = parts('emails[TYPE eq "home" and value eq "c"] or not (userName eq "d")')
    assert first[0] == second[0]
    assert (first[1], second[1]) == (("work", "a", "b"), ("home", "c", "d"))
    shapes = {
        parts(text)[0]
        for text in (
            'userName eq "a"',
            'userName ne "a"',
            'title eq "a"',
            "title pr",
            "emails pr",
            "emails[type pr]",
            'title eq "a" and (userName eq "b" or nickName eq "c")',
            'title eq "a" and userName eq "b" or nickName eq "c"',
        )
    }
    assert len(shapes) == 8
