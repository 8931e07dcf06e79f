"""The version of a user, which also covers the groups in the answer."""

from scim_service.store.record import Record
from scim_service.tenant.operations.user_operations import version_of_user


def user(derived: str | None, version: int = 3) -> Record:
    """Return a user with these groups."""
    return Record("a", "{}", version, 0, 0, derived)


def test_a_user_without_groups_has_the_version_of_its_row() -> None:
    """So it is also if the groups were not asked for."""
    assert {version_of_user(user(None)), version_of_user(user("[]"))} == {"3"}


def test_the_version_changes_with_the_groups() -> None:
    """A membership changes the row of no user, yet what an answer shows."""
    one, two = '[{"value":"x"}]', '[{"value":"x"},{"value":"y"}]'
    versions = [version_of_user(user(groups)) for groups in (None, one, two)]
    assert len(set(versions)) == 3
    assert version_of_user(user(one)) == versions[1]
    assert all(each.partition("-")[0] == "3" for each in versions)
