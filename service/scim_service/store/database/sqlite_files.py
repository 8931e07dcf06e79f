"""Files beside a SQLite database: locks, partial files and restored copies."""

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
    """Write to a file beside the target, and replace the target by it at the end, durably.

    Raises
    ------
    OSError
        The file cannot be written; the target is unchanged.
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
    """Return the file that replaces `target` when it is complete."""
    return target.with_name(f".{target.name}.part")


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    """Lock a database against other backups and restores.

    Raises
    ------
    InUseError
        Another one runs.
    """
    path = database.with_name(f".{database.name}.lock")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, PRIVATE)
    try:
        # The kernel releases the lock when the process ends, in whatever way.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError from None
        yield
    finally:
        os.close(descriptor)


def restored_copy(database: Path) -> Path:
    """Return the path of a checked copy that waits to replace the database."""
    return database.with_name(f".{database.name}.restored")


def take_restored_copy(database: Path) -> bool:
    """Replace a database that no process has open by the waiting copy, if there is one.

    After any interruption, the next start completes the replacement.
    """
    copy = restored_copy(database)
    if not copy.exists():
        return False
    # They belong to the old file, and SQLite would apply them to the new one.
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
