"""The members of groups: rows of their own, so that a change costs the same in any group."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Text, bindparam, column, delete, func, literal_column, select, true
from sqlalchemy.sql.selectable import Select

from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.shape import count_comparisons
from scim_service.scim.filter.tree import Filter
from scim_service.scim.patch.members import Member, MemberChange
from scim_service.store.database.database import Transaction
from scim_service.store.database.statements import (
    Backend,
    Statement,
    Step,
    compile_statement,
    upsert,
)
from scim_service.store.resources.ids import is_id
from scim_service.store.search.source import Expression
from scim_service.store.tables import Group, Jsonb, Membership, User, table
from scim_service.worker import Worker

MAX_COMPARISONS = 250_000
"""The most comparisons for selecting members: a quarter of a second, outside of the event loop."""

MANY = 200
"""More changes, or members that come or go, than this would block the event loop."""

_ROW_CHARACTERS = 64
"""The size of a membership, for the decision which work goes to a thread."""

_NAMED = 5
"""The most unknown members that an error names."""

_USER = table(User)
_GROUP = table(Group)
_MEMBERSHIP = table(Membership)


@dataclass(frozen=True, slots=True)
class _MemberStatements:
    """Statements over memberships.

    Parameters
    ----------
    lock_existing
        By resource type: which of some ids exist. The rows stay locked until the commit, so that
        no member can be deleted in between.
    remove, keep
        Remove the members with some ids, and all other members.
    read_all, read_some
        All members, and those with some ids.
    leave_groups
        Remove a group from all groups.
    """

    lock_existing: Mapping[str, Statement]
    add: Statement
    remove: Statement
    keep: Statement
    read_all: Statement
    read_some: Statement
    leave_groups: Statement

    @classmethod
    def compile(cls, backend: Backend) -> "_MemberStatements":
        members = _MEMBERSHIP.c
        ids = _ids_parameter(backend)
        group_id = bindparam("group_id", type_=Text())
        member_id, display = _members_parameter(backend)
        added = select(group_id, member_id, bindparam("type", type_=Text()), display).where(true())
        columns = ["group_id", "member_id", "member_type", "display"]
        removal = delete(_MEMBERSHIP).where(members.group_id == group_id)
        read = select(members.member_id, members.member_type, members.display).where(
            members.group_id == group_id
        )
        return cls(
            lock_existing={
                name: compile_statement(
                    select(source.c.id)
                    .where(source.c.id.in_(ids))
                    .with_for_update(read=True, key_share=True),
                    backend,
                )
                for name, source in (("User", _USER), ("Group", _GROUP))
            },
            add=compile_statement(
                upsert(_MEMBERSHIP, backend).from_select(columns, added).on_conflict_do_nothing(),
                backend,
            ),
            remove=compile_statement(removal.where(members.member_id.in_(ids)), backend),
            keep=compile_statement(removal.where(members.member_id.not_in(ids)), backend),
            read_all=compile_statement(read, backend),
            read_some=compile_statement(read.where(members.member_id.in_(ids)), backend),
            leave_groups=compile_statement(
                delete(_MEMBERSHIP).where(members.member_id == group_id), backend
            ),
        )


def _ids_parameter(backend: Backend) -> Select[Any]:
    """Return the ids in the parameter ``ids``, a JSON array."""
    each = func.json_each if backend == "sqlite" else func.jsonb_array_elements_text
    ids = bindparam("ids", type_=Text() if backend == "sqlite" else Jsonb())
    value = each(ids).table_valued(column("value", Text()), name="ids").c.value
    return select(value if backend == "sqlite" else value.collate("C").label("value"))


def _members_parameter(backend: Backend) -> tuple[Expression, Expression]:
    """Return the ids and the names in the parameter ``members``, a JSON array of such pairs."""
    if backend == "sqlite":
        each = func.json_each(bindparam("members", type_=Text())).table_valued("value").c.value
        return (
            func.json_extract(each, literal_column("'$[0]'")),
            func.json_extract(each, literal_column("'$[1]'")),
        )
    rows = func.jsonb_array_elements(bindparam("members", type_=Jsonb()))
    value = rows.table_valued(column("value", Jsonb())).c.value
    return value.op("->>")(literal_column("0")), value.op("->>")(literal_column("1"))


class Members:
    """The memberships of one database."""

    def __init__(self, backend: Backend, worker: Worker) -> None:
        self._worker = worker
        self._statements = _MemberStatements.compile(backend)

    async def change(
        self, transaction: Transaction, group_id: str, changes: Sequence[MemberChange]
    ) -> tuple[int, int]:
        """Change the members of a group.

        Returns
        -------
        How many memberships were created or removed, and how many of them were removed because a
        replacement did not name them.

        Raises
        ------
        ScimError
            400 for a member that does not exist, or too many comparisons.
        """
        touched = dropped = 0
        for change in changes:
            added, removed = await self._apply(transaction, group_id, change)
            touched += added + removed
            if change.op == "replace":
                dropped += removed
        return touched, dropped

    async def _apply(
        self, transaction: Transaction, group_id: str, change: MemberChange
    ) -> tuple[int, int]:
        """Return the numbers of memberships added and removed."""
        if change.op == "add":
            return await self.add(transaction, group_id, change.members), 0
        leaving: Sequence[Member] = change.members
        if change.filter is not None:
            leaving = await self._select(transaction, group_id, change.members, change.filter)
        values = {"group_id": group_id, "ids": _encode_ids(leaving)}
        if change.op == "remove":
            return 0, await transaction.execute(self._statements.remove, values)
        removed = await transaction.execute(self._statements.keep, values)
        return await self.add(transaction, group_id, change.members), removed

    async def _select(
        self,
        transaction: Transaction,
        group_id: str,
        members: Sequence[Member],
        filter: Filter,  # noqa: A002
    ) -> list[Member]:
        """Return the members that a filter selects, among some members or, without any, all.

        The filter is evaluated here, because display is not stored in a form for SQL to compare.
        """
        values = {"group_id": group_id, "ids": _encode_ids(members)}
        read = self._statements.read_some if members else self._statements.read_all
        rows = await transaction.fetch(read, values)
        comparisons = len(rows) * count_comparisons(filter)
        if comparisons > MAX_COMPARISONS:
            raise errors.too_many(
                f"Selecting members needs {comparisons} comparisons; the limit is"
                f' {MAX_COMPARISONS}. Name the members by their ids, as in members[value eq "..."].'
            )

        def select_members() -> list[Member]:
            found = [Member(*row) for row in rows]
            return [each for each in found if matches(filter, _to_attributes(each))]

        return await self._worker.run(len(rows) * _ROW_CHARACTERS, select_members)

    async def add(self, transaction: Transaction, group_id: str, members: Sequence[Member]) -> int:
        """Add members to a group, and return how many were not members before.

        Raises
        ------
        ScimError
            400 for a member that does not exist.
        """
        missing = {member.value: member.display for member in members}
        added = 0
        for kind, lock_existing in self._statements.lock_existing.items():
            ids = [member_id for member_id in missing if is_id(member_id)]
            if not ids:
                break
            rows = await transaction.fetch(lock_existing, {"ids": _encode(ids)})
            found = [(row[0], missing.pop(row[0])) for row in rows]
            if found:
                values = {"group_id": group_id, "members": _encode(found), "type": kind}
                added += await transaction.execute(self._statements.add, values)
        if missing:
            raise _unknown_members_error(missing)
        return added

    def leave_groups(self, group_id: str) -> Step:
        """Return the step that removes a group from all groups."""
        return self._statements.leave_groups, {"group_id": group_id}


def _unknown_members_error(member_ids: Collection[str]) -> errors.ScimError:
    names = [shorten(member_id) for member_id in sorted(member_ids)]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return errors.invalid_value(
        f"No user or group here has the id {', '.join(names[:_NAMED])}{more}, so it"
        " cannot be a member. If it was removed here by hand, restart provisioning in"
        " Entra: it creates the user again and then adds the members.",
        reason=f"{len(member_ids)} of the members are no user or group here.",
    )


def touches_many(changes: Sequence[MemberChange]) -> bool:
    """Whether changes may touch so many rows that they would block the event loop."""
    number = sum(1 + len(change.members) for change in changes)
    # The number of rows that these remove depends on the present members.
    is_open = any(
        change.op == "replace" or (change.filter is not None and not change.members)
        for change in changes
    )
    return is_open or number > MANY


def _to_attributes(member: Member) -> dict[str, str | None]:
    return {"value": member.value, "type": member.type, "display": member.display}


def _encode_ids(members: Sequence[Member]) -> str:
    return _encode({member.value for member in members if is_id(member.value)})


def _encode(values: Collection[object]) -> str:
    return orjson.dumps(list(values)).decode()
