"""Copies of a tenant's database, in files of this machine, made and checked by its own service."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ValidationError

from scim_operator.api.tenant import Tenant
from scim_operator.cli.cluster.cluster import Cluster
from scim_operator.cli.cluster.execution import Ended
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.progress import Meter

_PROGRAM = ("python3", "-m", "scim_service")
_USAGE = 2


class Copy(BaseModel):
    """What a copy has; `sha256` is in hex, `size` in bytes."""

    users: int
    groups: int
    revision: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return contents(self.users, self.groups)


@dataclass(frozen=True, slots=True)
class _Counted:
    """A file that is read or written, with its digest and progress."""

    file: BinaryIO
    meter: Meter
    sha256: hashlib._Hash

    def write(self, piece: bytes) -> int:
        self.sha256.update(piece)
        self.meter.advance(len(piece))
        return self.file.write(piece)

    def read(self, count: int) -> bytes:
        piece = self.file.read(count)
        self.sha256.update(piece)
        self.meter.advance(len(piece))
        return piece


def digest_file(file: Path) -> Path:
    """Return the file that holds the digest of a copy, as sha256sum writes and checks it."""
    return file.with_name(f"{file.name}.sha256")


def back_up(cluster: Cluster, tenant: Tenant, file: Path, *, overwrite: bool) -> Copy:
    """Write a copy of a tenant's database to a file, whole or not at all.

    Raises
    ------
    ClusterError
        The tenant has no SQLite, or no pod; the file exists or cannot be written; or what arrived
        is not what was sent.
    """
    require_sqlite(tenant)
    if file.exists() and not overwrite:
        raise ClusterError(f"{file} exists already: name another file, or add --overwrite")
    with _file_errors(file), _replacing(file) as target:
        with Meter(f"Backing up {tenant.key}") as meter:
            counted = _Counted(target, meter, hashlib.sha256())
            ended = cluster.execute(tenant, (*_PROGRAM, "backup", "-", "--json"), stdout=counted)
        copy = _read(tenant, ended)
        if counted.sha256.hexdigest() != copy.sha256:
            raise ClusterError(
                f"what arrived is not what the pod of {tenant.key} sent: nothing was kept, try "
                "again"
            )
    with _file_errors(file), _replacing(digest_file(file)) as target:
        target.write(f"{copy.sha256}  {file.name}\n".encode())
    return copy


def check(file: Path) -> int:
    """Check a file before it is sent; return its size.

    Raises
    ------
    ClusterError
        It cannot be read, is empty, or is not as it was when it was made.
    """
    with _file_errors(file), file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        expected = digest_file(file)
        if expected.exists():
            found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != expected.read_text(encoding="utf-8").split(maxsplit=1)[0]:
                raise ClusterError(
                    f"{file} is not as it was when it was made ({expected.name} has another "
                    "digest): restore another copy"
                )
    if not size:
        raise ClusterError(f"{file} is empty: restore a file that a backup has made")
    return size


def restore(cluster: Cluster, tenant: Tenant, file: Path, size: int) -> Copy:
    """Put a copy in the place of a tenant's database, while it is served.

    Parameters
    ----------
    size
        Of the file, in bytes, as `check` returns it.

    Raises
    ------
    ClusterError
        The tenant has no pod, the file cannot be read, or the service refuses it.
        The database is as before.
    """
    with _file_errors(file), file.open("rb") as content:
        with Meter(f"Restoring {tenant.key}", size) as meter:
            counted = _Counted(content, meter, hashlib.sha256())
            ended = cluster.execute(tenant, (*_PROGRAM, "restore", "-", "--json"), stdin=counted)
        return _read(tenant, ended)


def require_sqlite(tenant: Tenant) -> None:
    """Refuse a tenant on PostgreSQL, whose server has tools of its own.

    Raises
    ------
    ClusterError
        The tenant is one.
    """
    if tenant.spec.database.postgres:
        raise ClusterError(
            f"the database of {tenant.key} is PostgreSQL: use pg_dump and pg_restore "
            "(docs/postgresql.md)"
        )


def _read(tenant: Tenant, ended: Ended) -> Copy:
    """Read what the program says of a copy, on the last line of its standard error."""
    last = (ended.stderr.strip().splitlines() or [""])[-1]
    if ended.code == _USAGE:
        raise ClusterError(
            f"the service of {tenant.key} is of a version that makes no such copies: have it "
            "upgraded (docs/lifecycle.md), or wait for its place in the rollout"
        )
    if ended.code:
        reason = last.removeprefix("error: ") or f"exit status {ended.code}, and no reason"
        raise ClusterError(f"the pod of {tenant.key} refuses: {reason}")
    try:
        return Copy.model_validate(json.loads(last))
    except (ValueError, ValidationError) as error:
        raise ClusterError(
            f"the pod of {tenant.key} did not say what it did: see its log (kubectl logs)"
        ) from error


@contextlib.contextmanager
def _replacing(file: Path) -> Iterator[BinaryIO]:
    """Write a private file beside another, which it becomes at the end."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
            target.flush()
            os.fsync(target.fileno())
        Path(name).replace(file)
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def _file_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ClusterError(f"{file}: {error.strerror or error}") from error


def contents(users: int, groups: int) -> str:
    """Say how many users and groups there are."""
    return f"{_count(users, 'user')}, {_count(groups, 'group')}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
