"""The statements over users: how they are found, and how their emails and groups change."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.database.statements import Backend, Statement, compile_statement
from scim_service.store.resources.derived import meta_columns, plain_text, reference
from scim_service.store.resources.resource_statements import json_rows
from scim_service.store.search.source import Expression, Relation, Source
from scim_service.store.tables import Email, Group, Jsonb, Membership, User, table

_LICENCE_LOCK = 0x5C1B
"""The key of an advisory lock on PostgreSQL."""

USER = table(User)
_EMAIL = table(Email)
_GROUP = table(Group)
_MEMBERSHIP = table(Membership)


@dataclass(frozen=True, slots=True)
class UserStatements:
    """Statements over the rows that belong to one user.

    Parameters
    ----------
    lock_groups
        Lock the groups of a user, in one order, so that two deletions cannot wait for each other.
    touch_groups
        Give these groups a new version.
    lock_licences
        Let one transaction at a time count active users; None on SQLite, which has one writer.
    """

    insert_email: Statement
    delete_emails: Statement
    lock_groups: Statement
    touch_groups: Statement
    leave_groups: Statement
    lock_licences: Statement | None

    @classmethod
    def compile(cls, backend: Backend) -> "UserStatements":
        """Compile them."""
        user_id = bindparam("user_id", type_=Text())
        email: dict[str, Any] = {name: bindparam(name) for name in ("value", "type", "primary")}
        is_own_group = _GROUP.c.id.in_(
            select(_MEMBERSHIP.c.group_id).where(_MEMBERSHIP.c.member_id == user_id)
        )
        lock = select(_GROUP.c.id).where(is_own_group).order_by(_GROUP.c.id).with_for_update()
        touch = update(_GROUP).where(is_own_group)
        now = bindparam("now", type_=BigInteger())
        lock_licences = None
        if backend == "postgresql":
            lock_licences = compile_statement(
                select(func.pg_advisory_xact_lock(_LICENCE_LOCK)), backend
            )
        return cls(
            insert_email=compile_statement(
                insert(_EMAIL).inline().values(user_id=user_id, **email), backend
            ),
            delete_emails=compile_statement(
                delete(_EMAIL).where(_EMAIL.c.user_id == user_id), backend
            ),
            lock_groups=compile_statement(lock, backend),
            touch_groups=compile_statement(
                touch.values(version=_GROUP.c.version + 1, last_modified=now), backend
            ),
            leave_groups=compile_statement(
                delete(_MEMBERSHIP).where(_MEMBERSHIP.c.member_id == user_id), backend
            ),
            lock_licences=lock_licences,
        )


def groups_of_user(backend: Backend) -> Expression:
    """Return a user's groups as JSON text."""
    memberships = (
        select(_GROUP.c.id)
        .join(_MEMBERSHIP, _MEMBERSHIP.c.group_id == _GROUP.c.id)
        .where(_MEMBERSHIP.c.member_id == USER.c.id)
        .correlate(USER)
    )
    return json_rows(
        backend,
        memberships,
        value=_GROUP.c.id,
        ref=_group_reference(),
        display=_group_display_name(backend),
        type=literal_column("'direct'"),
    )


def user_source(resource_type: ResourceType, backend: Backend) -> Source:
    """Return the table of users as filters see it."""
    groups = _MEMBERSHIP.join(_GROUP, _GROUP.c.id == _MEMBERSHIP.c.group_id)
    return Source(
        table=USER,
        id=USER.c.id,
        search_form=USER.c.folded,
        columns={
            (None, "id", None): USER.c.id,
            (None, "userName", None): USER.c.user_name,
            (None, "externalId", None): USER.c.external_id,
            (None, "displayName", None): USER.c.display_name,
            (URN_ENTERPRISE_USER, "employeeNumber", None): USER.c.employee_number,
            **meta_columns(USER, resource_type, backend),
        },
        relations={
            "emails": Relation(
                rows=_EMAIL,
                owner=_EMAIL.c.user_id,
                columns={
                    "value": _EMAIL.c.value,
                    "type": _EMAIL.c.type,
                    "primary": _EMAIL.c.primary,
                },
                documented=True,
            ),
            "groups": Relation(
                rows=groups,
                owner=_MEMBERSHIP.c.member_id,
                columns={
                    "value": _MEMBERSHIP.c.group_id,
                    "display": _GROUP.c.display_name,
                    "$ref": _group_reference(),
                    "type": plain_text(literal_column("'direct'"), backend),
                },
            ),
        },
    )


def _group_display_name(backend: Backend) -> Any:
    """Return a group's displayName as the client sent it."""
    if backend == "sqlite":
        return func.json_extract(_GROUP.c.document, literal_column("'$.displayName'"))
    return func.jsonb_extract_path_text(
        cast(_GROUP.c.document, Jsonb()), literal_column("'displayName'")
    )


def _group_reference() -> Expression:
    return reference(literal_column("'/Groups/'"), _GROUP.c.id)
