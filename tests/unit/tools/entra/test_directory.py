"""The directory is the same for the same seed, and changes in every way that Entra reports."""

import subprocess
import sys

import pytest

from tests.entra import Directory

_PRINT = (
    "from tests.entra import Directory;"
    "print(hash_of := __import__('hashlib').sha256("
    "repr(Directory.generate(7, users=60, groups=6).change(3)).encode()).hexdigest())"
)


@pytest.fixture
def directory() -> Directory:
    return Directory.generate(7, users=60, groups=6)


def test_same_seed_gives_same_directory_in_another_process() -> None:
    """Neither generation nor change depends on the process' hash seed."""
    runs = {
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_seeds_differ() -> None:
    """Another seed is another directory."""
    assert Directory.generate(1) != Directory.generate(2)


def test_sizes(directory: Directory) -> None:
    """The sizes are as asked for."""
    assert (len(directory.users), len(directory.groups)) == (60, 6)


def test_directory_is_as_varied_as_real_ones(directory: Directory) -> None:
    """Managers in chains, disabled users, users without licence, names outside ASCII."""
    users = directory.users.values()
    boss = next(user for user in users if user.manager)
    assert any(user.manager == boss.object_id for user in users)
    assert any(not user.enabled for user in users)
    assert len({user.licences for user in users}) > 1
    assert any(not user.attributes["displayName"].isascii() for user in users)
    assert all(user.name.isascii() for user in users)
    assert all(user.attributes["mail"] for user in users)


@pytest.mark.parametrize("unique", ["userPrincipalName", "mailNickname", "mail"])
def test_names_are_unique(directory: Directory, unique: str) -> None:
    """What is matched on is unique, case aside."""
    for step in range(3):
        directory = directory.change(step)
    live = [user for user in directory.users.values() if not user.soft_deleted]
    assert len({user.attributes[unique].lower() for user in live}) == len(live)


def test_change_makes_every_kind_of_change(directory: Directory) -> None:
    """Attributes, name, state, licence, manager, soft and hard deletion, new users."""
    after = directory.change(1)
    both = [(user, after.users[key]) for key, user in directory.users.items() if key in after.users]
    assert any(old.attributes["department"] != new.attributes["department"] for old, new in both)
    assert any(old.name != new.name for old, new in both)
    assert any(old.enabled and not new.enabled for old, new in both)
    assert any(not old.enabled and new.enabled for old, new in both)
    assert any(old.licences != new.licences for old, new in both)
    assert any(old.manager != new.manager for old, new in both)
    assert any(new.soft_deleted for _, new in both)
    gone = directory.users.keys() - after.users.keys()
    new = after.users.keys() - directory.users.keys()
    assert gone
    assert new
    assert {directory.users[key].name for key in gone} <= {after.users[key].name for key in new}


def test_change_of_groups(directory: Directory) -> None:
    """Members come and go; a group is renamed, one deleted, one new."""
    after = directory.change(1)
    both = [
        (group, after.groups[key]) for key, group in directory.groups.items() if key in after.groups
    ]
    assert any(set(old.members) - set(new.members) for old, new in both)
    assert any(set(new.members) - set(old.members) for old, new in both)
    assert any(old.name != new.name for old, new in both)
    assert directory.groups.keys() - after.groups.keys()
    assert after.groups.keys() - directory.groups.keys()


@pytest.mark.parametrize("users", [20, 60, 500])
def test_nothing_refers_to_a_deleted_user(users: int) -> None:
    """Links to deleted users disappear from groups and management, however often it changes."""
    directory = Directory.generate(seed=4, users=users, groups=4)
    for step in range(50):
        directory = directory.change(step)
        live = {key for key, user in directory.users.items() if not user.soft_deleted}
        assert all(set(group.members) <= live for group in directory.groups.values())
        managers = {user.manager for user in directory.users.values() if not user.soft_deleted}
        assert managers - {None} <= live


def test_tiny_directories_change_too() -> None:
    """No size is too small."""
    for users in range(3):
        directory = Directory.generate(1, users=users, groups=1)
        for step in range(4):
            directory = directory.change(step)
