"""The longest resource that is stored."""

from typing import Any

import orjson
import pytest
from scim_service.scim.errors import ScimError
from scim_service.store.resources.size_limit import RESOURCE_BYTES, check_size

LONG = "x" * RESOURCE_BYTES


def check(resource: dict[str, Any], before: dict[str, Any] | None = None) -> None:
    """Check a user."""
    stored = None if before is None else orjson.dumps(before).decode()
    check_size("User", resource, orjson.dumps(resource), before=stored)


def test_the_error_names_the_longest_attribute() -> None:
    """It names an attribute of an extension by its path."""
    extension = {"short": "x", "long": LONG}
    with pytest.raises(ScimError) as refused:
        check({"userName": "ada", "urn:example:user": extension})
    assert refused.value.status == 413
    assert "the longest is urn:example:user:long." in refused.value.detail


def test_the_limit_itself_is_allowed() -> None:
    """A resource of exactly the maximum is stored, and one byte more is refused."""
    rest = len(orjson.dumps({"title": ""}))
    check({"title": "x" * (RESOURCE_BYTES - rest)})
    with pytest.raises(ScimError):
        check({"title": "x" * (RESOURCE_BYTES - rest + 1)})


def test_a_resource_that_was_too_long_before_may_not_grow() -> None:
    """It may become shorter or keep its length, but not become longer."""
    before = {"title": LONG, "nickName": "ada"}
    check(before, before)
    check({"title": LONG}, before)
    with pytest.raises(ScimError):
        check({"title": LONG, "nickName": "ada1"}, before)


@pytest.mark.parametrize("active", [True, False])
def test_a_long_user_can_be_disabled(active: bool) -> None:
    """The length of ``active`` does not count."""
    check({"title": LONG, "active": active}, {"title": LONG})
