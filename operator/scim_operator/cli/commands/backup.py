"""The commands ``backup`` and ``restore``."""

from __future__ import annotations

from pathlib import Path

import click

from scim_operator.api.tenant import Tenant
from scim_operator.cli.commands import database_copies
from scim_operator.cli.commands.database_copies import Copy, contents
from scim_operator.cli.output import show, text
from scim_operator.cli.session import Session, command

_FILE = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@click.command()
@click.argument("name")
@_FILE
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@command
def backup(session: Session, name: str, file: Path, *, overwrite: bool) -> None:
    """Copy a tenant's users and groups to a file, while it is served.

    The file holds everything of them: it can be read by its owner only, and has its SHA-256 beside
    it. For tenants on SQLite.
    """
    tenant = session.cluster.tenant(name)
    copy = database_copies.back_up(session.cluster, tenant, file, overwrite=overwrite)
    _tell(session, tenant, file, copy, f"Backed up {tenant.key} to {file}: {copy}")


@click.command()
@click.argument("name")
@_FILE
@click.option("--yes", is_flag=True, help="Do not ask.")
@command
def restore(session: Session, name: str, file: Path, *, yes: bool) -> None:
    """Put a backup in the place of a tenant's users and groups, while it is served.

    Token and Tenant URL stay. A file that is damaged, or is none of this program, is refused, and
    nothing changes then.
    """
    tenant = session.cluster.tenant(name)
    database_copies.require_sqlite(tenant)
    size = database_copies.check(file)
    if not yes:
        click.confirm(
            f"All users and groups of {tenant.key}{_held(tenant)} are replaced by those of {file}. "
            "Restore?",
            abort=True,
            err=True,
        )
    copy = database_copies.restore(session.cluster, tenant, file, size)
    _tell(session, tenant, file, copy, f"Restored {tenant.key} from {file}: {copy}")


def _held(tenant: Tenant) -> str:
    users, groups = tenant.status.users, tenant.status.groups
    return "" if users is None else f" ({contents(users, groups or 0)})"


def _tell(session: Session, tenant: Tenant, file: Path, copy: Copy, done: str) -> None:
    show(
        session.output,
        {"tenant": str(tenant.key), "file": str(file), **copy.model_dump()},
        text(f"{done} ({copy.size} bytes, sha256 {copy.sha256})."),
    )
