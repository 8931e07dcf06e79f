"""The commands ``backup`` and ``restore``: a tenant's users and groups in a local file."""

from __future__ import annotations

from pathlib import Path

import click

from scim_operator.api.tenant import Tenant
from scim_operator.cli import database_copies
from scim_operator.cli.cluster.tenants import read_tenant
from scim_operator.cli.database_copies import Copy, count_contents
from scim_operator.cli.output import create_text, show
from scim_operator.cli.session import Session, command

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@click.argument("name")
@_FILE
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@command
def backup(session: Session, name: str, file: Path, *, overwrite: bool) -> None:
    """Copy a running tenant's users and groups to a file.

    The file holds all their data: only its owner can read it. Its SHA-256 is written to a file
    beside it. For tenants on SQLite.
    """
    tenant = read_tenant(session.cluster, name)
    copy = database_copies.back_up(session.cluster, tenant, file, overwrite=overwrite)
    _show_copy(session, tenant, file, copy, f"Backed up {tenant.key} to {file}: {copy}")


@click.command()
@click.argument("name")
@_FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def restore(session: Session, name: str, file: Path, *, yes: bool) -> None:
    """Replace a running tenant's users and groups with a backup.

    Token and Tenant URL stay. The service refuses a file that is damaged or is no backup, and
    then changes nothing.
    """
    tenant = read_tenant(session.cluster, name)
    database_copies.require_sqlite(tenant)
    size = database_copies.check_file(file)
    if not yes:
        click.confirm(
            f"This replaces all users and groups of {tenant.key}{_describe(tenant)} with those of "
            f"{file}. Restore?",
            abort=True,
            err=True,
        )
    copy = database_copies.restore(session.cluster, tenant, file, size)
    _show_copy(session, tenant, file, copy, f"Restored {tenant.key} from {file}: {copy}")


def _describe(tenant: Tenant) -> str:
    users, groups = tenant.status.users, tenant.status.groups
    return "" if users is None else f" ({count_contents(users, groups or 0)})"


def _show_copy(session: Session, tenant: Tenant, file: Path, copy: Copy, done: str) -> None:
    show(
        session.output,
        {"tenant": str(tenant.key), "file": str(file), **copy.model_dump()},
        create_text(f"{done} ({copy.size} bytes, sha256 {copy.sha256})."),
    )
