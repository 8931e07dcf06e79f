"""Copies a tenant's database to and from local files; its own service creates and checks them."""

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
from scim_operator.cli.cluster.client import Cluster
from scim_operator.cli.cluster.pod_exec import CommandResult
from scim_operator.cli.cluster.pods import run_command
from scim_operator.cli.errors import ClusterError
from scim_operator.cli.progress import ProgressLine

_PROGRAM = ("python3", "-m", "scim_service")
_USAGE_ERROR = 2
"""Exit status of a program that does not know the command."""


class Copy(BaseModel):
    """The facts of a copy; `sha256` is in hex, `size` in bytes."""

    users: int
    groups: int
    revision: str
    size: int
    sha256: str

    def __str__(self) -> str:
        return count_contents(self.users, self.groups)


@dataclass(frozen=True, slots=True)
class _TrackedFile:
    """A file with the digest and progress of its reads or writes."""

    file: BinaryIO
    progress: ProgressLine
    sha256: hashlib._Hash

    def write(self, piece: bytes) -> int:
        self.sha256.update(piece)
        self.progress.advance(len(piece))
        return self.file.write(piece)

    def read(self, count: int) -> bytes:
        piece = self.file.read(count)
        self.sha256.update(piece)
        self.progress.advance(len(piece))
        return piece


def digest_path(file: Path) -> Path:
    """Return the file with the digest of a copy, which sha256sum can check."""
    return file.with_name(f"{file.name}.sha256")


def back_up(cluster: Cluster, tenant: Tenant, file: Path, *, overwrite: bool) -> Copy:
    """Write a copy of a tenant's database to a file, completely or not at all.

    Raises
    ------
    ClusterError
        The tenant does not use SQLite, or has no pod; the file exists or cannot be written; or
        the received bytes differ from the sent ones.
    """
    require_sqlite(tenant)
    if file.exists() and not overwrite:
        raise ClusterError(f"{file} exists already: name another file, or add --overwrite")
    with _explain_errors(file), _open_replacement(file) as target:
        with ProgressLine(f"Backing up {tenant.key}") as progress:
            tracked = _TrackedFile(target, progress, hashlib.sha256())
            result = run_command(
                cluster, tenant, (*_PROGRAM, "backup", "-", "--json"), stdout=tracked
            )
        copy = _read(tenant, result)
        if tracked.sha256.hexdigest() != copy.sha256:
            raise ClusterError(
                f"the received copy differs from the one that the pod of {tenant.key} sent: it "
                "was deleted, try again"
            )
    with _explain_errors(file), _open_replacement(digest_path(file)) as target:
        target.write(f"{copy.sha256}  {file.name}\n".encode())
    return copy


def check_file(file: Path) -> int:
    """Check a file before it is sent; return its size.

    Raises
    ------
    ClusterError
        It cannot be read, is empty, or has changed since its backup.
    """
    with _explain_errors(file), file.open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        expected = digest_path(file)
        if expected.exists():
            found = hashlib.file_digest(content, "sha256").hexdigest()
            if found != expected.read_text(encoding="utf-8").split(maxsplit=1)[0]:
                raise ClusterError(
                    f"{file} has changed since its backup ({expected.name} has another digest): "
                    "restore another copy"
                )
    if not size:
        raise ClusterError(f"{file} is empty: restore a file that kubectl scim backup has written")
    return size


def restore(cluster: Cluster, tenant: Tenant, file: Path, size: int) -> Copy:
    """Replace a tenant's database with a copy, while it is served.

    Parameters
    ----------
    size
        Size of the file in bytes, from `check_file`.

    Raises
    ------
    ClusterError
        The tenant has no pod, the file cannot be read, or the service refuses it; the database
        has not changed.
    """
    with _explain_errors(file), file.open("rb") as content:
        with ProgressLine(f"Restoring {tenant.key}", size) as progress:
            tracked = _TrackedFile(content, progress, hashlib.sha256())
            result = run_command(
                cluster, tenant, (*_PROGRAM, "restore", "-", "--json"), stdin=tracked
            )
        return _read(tenant, result)


def require_sqlite(tenant: Tenant) -> None:
    """Check that a tenant uses SQLite; PostgreSQL has tools of its own.

    Raises
    ------
    ClusterError
        The tenant uses PostgreSQL.
    """
    if tenant.spec.database.postgres:
        raise ClusterError(
            f"the database of {tenant.key} is PostgreSQL: use pg_dump and pg_restore "
            "(docs/postgresql.md)"
        )


def _read(tenant: Tenant, result: CommandResult) -> Copy:
    """Read the facts of a copy from the last line of the program's standard error."""
    last = (result.stderr.strip().splitlines() or [""])[-1]
    if result.code == _USAGE_ERROR:
        raise ClusterError(
            f"the service of {tenant.key} is too old for backups: upgrade it (docs/lifecycle.md), "
            "or wait for its turn in the rollout"
        )
    if result.code:
        reason = last.removeprefix("error: ") or f"exit status {result.code} without a reason"
        raise ClusterError(f"the pod of {tenant.key} refuses: {reason}")
    try:
        return Copy.model_validate(json.loads(last))
    except (ValueError, ValidationError) as error:
        raise ClusterError(
            f"the pod of {tenant.key} printed no result: see its log (kubectl logs)"
        ) from error


@contextlib.contextmanager
def _open_replacement(file: Path) -> Iterator[BinaryIO]:
    """Write a private temporary file, and rename it to `file` at the end."""
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
def _explain_errors(file: Path) -> Iterator[None]:
    """Turn errors of the file system into errors that name the file."""
    try:
        yield
    except OSError as error:
        raise ClusterError(f"{file}: {error.strerror or error}") from error


def count_contents(users: int, groups: int) -> str:
    """Return the numbers of users and groups in words."""
    return f"{_pluralize(users, 'user')}, {_pluralize(groups, 'group')}"


def _pluralize(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
