"""Where things are kept: the cache that outlives a cluster, and the locks around shared folders."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .progress import step

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent


def cache_dir() -> Path:
    """The folder for what is slow to make: binaries, wheels, base image, image archives."""
    named = os.environ.get("SCIM_OPERATOR_CACHE")
    if named:
        return Path(named).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).resolve() / "scim-operator"


@contextmanager
def locked(lock: Path, purpose: str) -> Iterator[None]:
    """Hold a lock file, waiting visibly while another process has it.

    The kernel drops the lock when its holder dies, however it dies, so none is ever stale.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with step(f"waiting for another process that is {purpose}"):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
