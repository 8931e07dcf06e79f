"""Files beside a SQLite database: written whole or not at all, and put in its place."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

PRIVATE = 0o600
"""The mode of all files that hold data."""


class InUseError(Exception):
    """Another process has the lock."""


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Write to a file beside the target, which it becomes at the end, durably and at once.

    Raises
    ------
    OSError
        It cannot be written; the target is as before.
    """
    temporary = part_of(target)
    temporary.unlink(missing_ok=True)
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
        yield temporary
        _sync(temporary)
        temporary.replace(target)
        _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """Return the file that becomes `target` when it is complete."""
    return target.with_name(f".{target.name}.part")


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Keep other copies from being made or put back at the same time.

    Raises
    ------
    InUseError
        One is under way.
    """
    path = database.with_name(f".{database.name}.lock")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE)
    try:
        # The kernel lets go of it when the process ends, however that may be.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError from None
        yield
    finally:
        os.close(descriptor)


def restored_copy(database: Path) -> Path:
    """Return where a checked copy waits for the service to put it in the database's place."""
    return database.with_name(f".{database.name}.restored")


def take_restored_copy(database: Path) -> bool:
    """Put the copy that waits, if there is one, in the place of a database that nobody has open.

    Whatever interrupts it, the next start goes on with it.
    """
    copy = restored_copy(database)
    if not copy.exists():
        return False
    # They belong to the old file, and would be applied to the new one.
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    copy.replace(database)
    _sync(database.parent)
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
