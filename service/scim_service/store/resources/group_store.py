"""Groups in the database. Members are rows: a change of one costs the same in any group."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Text, bindparam, case, column, delete, func, literal_column, select, true
from sqlalchemy.sql.selectable import Select

from scim_service import worker
from scim_service.scim import errors
from scim_service.scim.errors import shorten
from scim_service.scim.filter.evaluator import matches
from scim_service.scim.filter.shape import count_comparisons
from scim_service.scim.filter.tree import Filter
from scim_service.scim.patch.members import Member, MemberChange
from scim_service.scim.resource.changes import list_changed_attributes
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database, Transaction
from scim_service.store.database.errors import DuplicateError
from scim_service.store.database.retries import repeatable
from scim_service.store.database.statements import Backend, compile_statement, upsert
from scim_service.store.record import Record
from scim_service.store.resources.derived import META, meta_columns, reference, version_column
from scim_service.store.resources.ids import is_id
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_store import Change, ResourceStore, json_rows
from scim_service.store.search.search_form import key_of
from scim_service.store.search.sql_filter import Expression, Relation, Source
from scim_service.store.tables import Group, Jsonb, Membership, User, table

GROUPS = "groups"

_NAMED = 5
"""How many unknown members an error names."""

SELECTIONS = 250_000
"""How many comparisons selecting members may take: a quarter of a second, beside the event loop."""

_ROW_CHARACTERS = 64
"""What a row of a membership counts as, where it is decided what a thread does."""

_MANY = 200
"""Members that are added or removed, and changes, that do not hold up the event loop yet."""

_GROUP = table(Group)
_USER = table(User)
_MEMBERSHIP = table(Membership)


def _source(resource_type: ResourceType, backend: Backend) -> Source:
    return Source(
        table=_GROUP,
        id=_GROUP.c.id,
        folded=_GROUP.c.folded,
        columns={
            (None, "id", None): _GROUP.c.id,
            (None, "displayName", None): _GROUP.c.display_name,
            (None, "externalId", None): _GROUP.c.external_id,
            **meta_columns(_GROUP, resource_type, backend),
            (None, META, "version"): version_column(_GROUP, backend),
        },
        relations={
            "members": Relation(
                rows=_MEMBERSHIP,
                owner=_MEMBERSHIP.c.group_id,
                columns={
                    "value": _MEMBERSHIP.c.member_id,
                    "type": func.lower(_MEMBERSHIP.c.member_type),
                    "$ref": reference(_endpoint(), _MEMBERSHIP.c.member_id),
                },
            )
        },
    )


def _ids(backend: Backend) -> Select[Any]:
    """Return the ids in the parameter ``ids``, a JSON array."""
    each = func.json_each if backend == "sqlite" else func.jsonb_array_elements_text
    ids = bindparam("ids", type_=Text() if backend == "sqlite" else Jsonb())
    value = each(ids).table_valued(column("value", Text()), name="ids").c.value
    return select(value if backend == "sqlite" else value.collate("C").label("value"))


def _added(backend: Backend) -> tuple[Expression, Expression]:
    """Return the ids and the names in the parameter ``members``, an array of such pairs."""
    if backend == "sqlite":
        each = func.json_each(bindparam("members", type_=Text())).table_valued("value").c.value
        return (
            func.json_extract(each, literal_column("'$[0]'")),
            func.json_extract(each, literal_column("'$[1]'")),
        )
    rows = func.jsonb_array_elements(bindparam("members", type_=Jsonb()))
    value = rows.table_valued(column("value", Jsonb())).c.value
    return value.op("->>")(literal_column("0")), value.op("->>")(literal_column("1"))


class GroupStore(ResourceStore):
    """The groups of a tenant.

    Parameters
    ----------
    unique
        Whether a displayName belongs to one group only: Entra matches groups by it.
    """

    def __init__(
        self,
        database: Database,
        log: ActivityLog,
        counters: Counters,
        clock: Clock,
        *,
        resource_type: ResourceType,
        unique: bool,
    ) -> None:
        backend = database.backend
        members = _MEMBERSHIP.c
        super().__init__(
            database,
            log,
            counters,
            clock,
            resource_type=resource_type,
            table=_GROUP,
            source=_source(resource_type, backend),
            derived=json_rows(
                backend,
                select(members.member_id).where(members.group_id == _GROUP.c.id).correlate(_GROUP),
                value=members.member_id,
                ref=reference(_endpoint(), members.member_id),
                type=members.member_type,
                display=members.display,
            ),
            derived_reach="page",
            counter_names=(GROUPS,),
        )
        self._unique = unique
        ids = _ids(backend)
        group_id = bindparam("group_id", type_=Text())
        # Held until the commit, so that no member can be deleted in between.
        self._existing = {
            name: compile_statement(
                select(source.c.id)
                .where(source.c.id.in_(ids))
                .with_for_update(read=True, key_share=True),
                backend,
            )
            for name, source in (("User", _USER), ("Group", _GROUP))
        }
        added = _added(backend)
        rows = select(group_id, added[0], bindparam("type", type_=Text()), added[1])
        self._add = compile_statement(
            upsert(_MEMBERSHIP, backend)
            .from_select(["group_id", "member_id", "member_type", "display"], rows.where(true()))
            .on_conflict_do_nothing(),
            backend,
        )
        of_group = delete(_MEMBERSHIP).where(members.group_id == group_id)
        self._remove = compile_statement(of_group.where(members.member_id.in_(ids)), backend)
        rows = select(members.member_id, members.member_type, members.display).where(
            members.group_id == group_id
        )
        self._rows = compile_statement(rows, backend)
        self._rows_of = compile_statement(rows.where(members.member_id.in_(ids)), backend)
        self._keep = compile_statement(of_group.where(members.member_id.not_in(ids)), backend)
        self._leave_groups = compile_statement(
            delete(_MEMBERSHIP).where(members.member_id == group_id), backend
        )

    @repeatable
    async def create(
        self, resource: Mapping[str, Any], members: Sequence[Member], origin: AuditContext
    ) -> Record:
        """Store a new group.

        Raises
        ------
        ScimError
            409 for a displayName that is taken, 400 for a member that does not exist.
        """
        record = self._new(resource)
        folded = self._fold(resource)
        names = (*resource, "members") if members else tuple(resource)
        steps = [
            (self._insert, self._row(record, folded)),
            self._counters.add(GROUPS, 1),
            self._line(origin, record.id, names, 201),
        ]
        try:
            if not members:
                await self._database.write(*steps)
            else:
                long = len(members) > _MANY
                async with self._database.transaction(long=long) as transaction:
                    await transaction.write(*steps)
                    await self._add_members(transaction, record.id, members)
        except DuplicateError as error:
            raise await self._taken(resource, folded) from error
        return record

    @repeatable
    async def change(
        self,
        resource_id: str,
        change: Change,
        members: Sequence[MemberChange],
        origin: AuditContext,
        *,
        status: int,
        expected: Precondition = ANY_VERSION,
    ) -> int:
        """Replace a group by what `change` makes of it, and change its members.

        Returns
        -------
        How many memberships ended because a change that says who stays did not name them.

        Raises
        ------
        ScimError
            404, 412, what `change` raises, and what `create` does.
        """
        after: Mapping[str, Any] = {}
        folded: Mapping[str, Any] = {}
        try:
            async with self._database.transaction(long=_touches_many(members)) as transaction:
                record = await self._locked(transaction, resource_id, expected)
                before = orjson.loads(record.document)
                after = change(before)
                changed = list_changed_attributes(before, after)
                touched = dropped = 0
                for member_change in members:
                    come, gone = await self._change_members(transaction, resource_id, member_change)
                    touched += come + gone
                    if member_change.op == "replace":
                        dropped += gone
                if touched:
                    changed = (*changed, f"members(-{dropped})" if dropped else "members")
                steps = [self._line(origin, resource_id, changed, status)]
                if changed:
                    record = self._changed(record, after)
                    folded = self._fold(after)
                    steps.append((self._update, self._row(record, folded)))
                await transaction.write(*steps)
        except DuplicateError as error:
            raise await self._taken(after, folded) from error
        return dropped

    @repeatable
    async def delete(
        self, resource_id: str, origin: AuditContext, *, expected: Precondition = ANY_VERSION
    ) -> None:
        """Remove a group; its members stay.

        Raises
        ------
        ScimError
            404, 412.
        """
        async with self._database.transaction(long=True) as transaction:
            await self._locked(transaction, resource_id, expected)
            await transaction.write(
                (self._leave_groups, {"group_id": resource_id}),
                (self._delete, {"id": resource_id}),
                self._counters.add(GROUPS, -1),
                self._line(origin, resource_id, (), 204),
            )

    async def _change_members(
        self, transaction: Transaction, group_id: str, change: MemberChange
    ) -> tuple[int, int]:
        """Return how many memberships have come, and how many have gone."""
        if change.op == "add":
            return await self._add_members(transaction, group_id, change.members), 0
        leaving: Sequence[Member] = change.members
        if change.filter is not None:
            leaving = await self._selected(transaction, group_id, change.members, change.filter)
        values = {"group_id": group_id, "ids": _json_ids(leaving)}
        if change.op == "remove":
            return 0, await transaction.execute(self._remove, values)
        gone = await transaction.execute(self._keep, values)
        return await self._add_members(transaction, group_id, change.members), gone

    async def _selected(
        self,
        transaction: Transaction,
        group_id: str,
        members: Sequence[Member],
        filter: Filter,  # noqa: A002
    ) -> list[Member]:
        """Return those that a filter selects of some members, or of all where there are none.

        It is evaluated here, since display is not kept in the form that SQL could compare.
        """
        values = {"group_id": group_id, "ids": _json_ids(members)}
        rows = await transaction.fetch(self._rows_of if members else self._rows, values)
        comparisons = len(rows) * count_comparisons(filter)
        if comparisons > SELECTIONS:
            raise errors.too_many(
                f"Selecting members needs {comparisons} comparisons; at most {SELECTIONS} are made."
                ' Name the members by their ids, as in members[value eq "..."].'
            )

        def select_members() -> list[Member]:
            found = [Member(*row) for row in rows]
            return [each for each in found if matches(filter, _shown(each))]

        return await worker.run(len(rows) * _ROW_CHARACTERS, select_members)

    async def _add_members(
        self, transaction: Transaction, group_id: str, members: Sequence[Member]
    ) -> int:
        missing = {member.value: member.display for member in members}
        come = 0
        for kind, existing in self._existing.items():
            ids = [member_id for member_id in missing if is_id(member_id)]
            if not ids:
                break
            rows = await transaction.fetch(existing, {"ids": _json(ids)})
            found = [(row[0], missing.pop(row[0])) for row in rows]
            if found:
                values = {"group_id": group_id, "members": _json(found), "type": kind}
                come += await transaction.execute(self._add, values)
        if missing:
            names = [shorten(member_id) for member_id in sorted(missing)]
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            raise errors.invalid_value(
                f"No user or group here has the id {', '.join(names[:_NAMED])}{more}, so it"
                " cannot be a member. If it was removed here by hand, restart provisioning in"
                " Entra: it creates the user again and then adds the members.",
                reason=f"{len(missing)} of the members are no user or group here.",
            )
        return come

    def _row(self, record: Record, folded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a group."""
        name = key_of(folded, "displayName")
        return {
            **super()._row(record, folded),
            "display_name": name,
            "unique_name": name if self._unique else None,
            "external_id": key_of(folded, "externalId"),
        }

    async def _taken(
        self, resource: Mapping[str, Any], folded: Mapping[str, Any]
    ) -> errors.ScimError:
        holder = await self._holder("unique_name", folded["displayName"])
        return errors.uniqueness(
            f"There is already a group with the displayName {resource['displayName']}{holder};"
            " Entra finds groups by this name, so it must be unique. Rename one of the groups, or"
            " remove the one that is no longer used.",
            reason=f"There is already a group with this displayName{holder}.",
        )


def _touches_many(changes: Sequence[MemberChange]) -> bool:
    # What a replacement removes depends on who is there.
    number = sum(1 + len(change.members) for change in changes)
    return number > _MANY or any(
        change.op == "replace" or (change.filter is not None and not change.members)
        for change in changes
    )


def _shown(member: Member) -> dict[str, str | None]:
    return {"value": member.value, "type": member.type, "display": member.display}


def _endpoint() -> Expression:
    return case(
        (_MEMBERSHIP.c.member_type == literal_column("'User'"), literal_column("'/Users/'")),
        else_=literal_column("'/Groups/'"),
    )


def _json_ids(members: Sequence[Member]) -> str:
    return _json({member.value for member in members if is_id(member.value)})


def _json(values: Collection[object]) -> str:
    return orjson.dumps(list(values)).decode()
