"""The groups of a tenant."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import case, func, literal_column, select

from scim_service.scim import errors
from scim_service.scim.patch.members import Member, MemberChange
from scim_service.scim.resource.changes import list_changed_attributes
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database
from scim_service.store.database.errors import DuplicateError
from scim_service.store.database.retries import repeatable
from scim_service.store.database.statements import Backend
from scim_service.store.record import Record
from scim_service.store.resources.derived import meta_columns, reference, version_column
from scim_service.store.resources.members import MANY, Members, touches_many
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_statements import json_rows
from scim_service.store.resources.resource_store import Change, ResourceStore
from scim_service.store.search.search_form import read_key
from scim_service.store.search.source import META, Expression, Relation, Source
from scim_service.store.tables import Group, Membership, table
from scim_service.worker import Worker

GROUPS = "groups"

_GROUP = table(Group)
_MEMBERSHIP = table(Membership)


class GroupStore(ResourceStore):
    """The groups of a tenant.

    Parameters
    ----------
    unique_names
        Whether each displayName belongs to one group only.
    """

    def __init__(
        self,
        database: Database,
        log: ActivityLog,
        counters: Counters,
        clock: Clock,
        *,
        worker: Worker,
        resource_type: ResourceType,
        unique_names: bool,
    ) -> None:
        super().__init__(
            database,
            log,
            counters,
            clock,
            worker=worker,
            resource_type=resource_type,
            table=_GROUP,
            source=_group_source(resource_type, database.backend),
            derived=_members_of_group(database.backend),
            derived_reach="page",
            counter_names=(GROUPS,),
        )
        self._unique_names = unique_names
        self._members = Members(database.backend, worker)

    @repeatable
    async def create(
        self,
        resource: Mapping[str, Any],
        members: Sequence[Member],
        audit_context: AuditContext,
    ) -> Record:
        """Store a new group.

        Raises
        ------
        ScimError
            409 for a displayName that another group has, 400 for a member that does not exist.
        """
        record = self._new_record(resource)
        names = (*resource, "members") if members else tuple(resource)
        steps = [
            (self._rows.insert, self._columns_of(record, self._to_search_form(resource))),
            self._counters.add(GROUPS, 1),
            self._log_write(audit_context, record.id, names, 201),
        ]
        try:
            if not members:
                await self._database.write(*steps)
                return record
            async with self._database.transaction(long=len(members) > MANY) as transaction:
                await transaction.write(*steps)
                await self._members.add(transaction, record.id, members)
        except DuplicateError as error:
            raise await self._conflict_error(resource) from error
        return record

    @repeatable
    async def change(
        self,
        resource_id: str,
        change: Change,
        members: Sequence[MemberChange],
        audit_context: AuditContext,
        *,
        status: int,
        expected: Precondition = ANY_VERSION,
    ) -> int:
        """Replace a group by the result of `change`, and change its members.

        Returns
        -------
        How many memberships ended because a replacement did not name them.

        Raises
        ------
        ScimError
            404, 412, the errors of `change`, and those of `create`.
        """
        after: Mapping[str, Any] = {}
        try:
            async with self._database.transaction(long=touches_many(members)) as transaction:
                record = await self._lock(transaction, resource_id, expected)
                before = orjson.loads(record.document)
                after = change(before)
                changed = list_changed_attributes(before, after)
                touched, dropped = await self._members.change(transaction, resource_id, members)
                if touched:
                    changed = (*changed, f"members(-{dropped})" if dropped else "members")
                steps = [self._log_write(audit_context, resource_id, changed, status)]
                if changed:
                    columns = self._columns_of(
                        self._next_record(record, after), self._to_search_form(after)
                    )
                    steps.append((self._rows.update, columns))
                await transaction.write(*steps)
        except DuplicateError as error:
            raise await self._conflict_error(after) from error
        return dropped

    @repeatable
    async def delete(
        self,
        resource_id: str,
        audit_context: AuditContext,
        *,
        expected: Precondition = ANY_VERSION,
    ) -> None:
        """Delete a group; its members stay.

        Raises
        ------
        ScimError
            404, 412.
        """
        async with self._database.transaction(long=True) as transaction:
            await self._lock(transaction, resource_id, expected)
            await transaction.write(
                self._members.leave_groups(resource_id),
                (self._rows.delete, {"id": resource_id}),
                self._counters.add(GROUPS, -1),
                self._log_write(audit_context, resource_id, (), 204),
            )

    def _columns_of(self, record: Record, search_form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a group."""
        name = read_key(search_form, "displayName")
        return {
            **super()._columns_of(record, search_form),
            "display_name": name,
            "unique_name": name if self._unique_names else None,
            "external_id": read_key(search_form, "externalId"),
        }

    async def _conflict_error(self, resource: Mapping[str, Any]) -> errors.ScimError:
        name = self._to_search_form(resource)["displayName"]
        holder = await self._name_holder("unique_name", name)
        return errors.uniqueness(
            f"There is already a group with the displayName {resource['displayName']}{holder};"
            " Entra finds groups by this name, so it must be unique. Rename one of the groups, or"
            " remove the one that is no longer used.",
            reason=f"There is already a group with this displayName{holder}.",
        )


def _group_source(resource_type: ResourceType, backend: Backend) -> Source:
    """Return the table of groups as filters see it."""
    return Source(
        table=_GROUP,
        id=_GROUP.c.id,
        search_form=_GROUP.c.folded,
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
                    "$ref": _member_reference(),
                },
            )
        },
    )


def _members_of_group(backend: Backend) -> Expression:
    """Return a group's members as JSON text."""
    members = _MEMBERSHIP.c
    return json_rows(
        backend,
        select(members.member_id).where(members.group_id == _GROUP.c.id).correlate(_GROUP),
        value=members.member_id,
        ref=_member_reference(),
        type=members.member_type,
        display=members.display,
    )


def _member_reference() -> Expression:
    is_user = _MEMBERSHIP.c.member_type == literal_column("'User'")
    endpoint = case((is_user, literal_column("'/Users/'")), else_=literal_column("'/Groups/'"))
    return reference(endpoint, _MEMBERSHIP.c.member_id)
