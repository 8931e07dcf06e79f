"""sortBy and sortOrder."""

import pytest
from scim_service.scim import errors
from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.sorting import parse_sort


@pytest.mark.parametrize(
    ("by", "order", "path", "descending"),
    [
        ("userName", None, "userName", False),
        ("USERNAME", "Descending", "userName", True),
        ("emails", "ascending", "emails.value", False),
        ("emails.type", "descending", "emails.type", True),
        ("meta.created", "ascending", "meta.created", False),
        (
            f"{URN_ENTERPRISE_USER}:department",
            None,
            f"{URN_ENTERPRISE_USER}:department",
            False,
        ),
    ],
)
def test_sort(user: ResourceType, by: str, order: str | None, path: str, descending: bool) -> None:
    """A name in any case gives its canonical path; a complex attribute is sorted by its value."""
    sort = parse_sort(user, by, order)
    assert sort is not None
    assert (str(sort.path), sort.descending) == (path, descending)


@pytest.mark.parametrize("by", ["nothing", "name", "password", "x509Certificates", "a b"])
def test_bad_sort(user: ResourceType, by: str) -> None:
    """An attribute without an order is refused by name."""
    with pytest.raises(errors.ScimError) as caught:
        parse_sort(user, by)
    assert caught.value.scim_type == "invalidPath"


def test_no_sort(user: ResourceType) -> None:
    """Without sortBy there is no order; sortOrder must be ascending or descending."""
    assert parse_sort(user, None, "descending") is None
    with pytest.raises(errors.ScimError, match="sortOrder must be"):
        parse_sort(user, "userName", "up")
