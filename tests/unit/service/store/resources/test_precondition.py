"""The versions that ``If-Match`` allows."""

import pytest
from scim_service.scim.errors import ScimError
from scim_service.store.resources.precondition import ANY_VERSION, Precondition


def test_the_named_versions_are_allowed() -> None:
    """Without versions every version is allowed; otherwise only the named ones."""
    ANY_VERSION.check(7)
    Precondition({6, 7}).check(7)
    with pytest.raises(ScimError) as refused:
        Precondition({6}).check(7)
    assert refused.value.status == 412


def test_an_empty_list_allows_no_version() -> None:
    """A header that names no version of this resource is refused."""
    with pytest.raises(ScimError):
        Precondition(()).check(1)
