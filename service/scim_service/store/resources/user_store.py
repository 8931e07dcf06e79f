"""Users in the database."""

from collections.abc import Mapping
from typing import Any

import orjson
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

from scim_service.scim import errors
from scim_service.scim.messages import URN_ENTERPRISE_USER
from scim_service.scim.resource.changes import is_active, list_changed_attributes
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database, Transaction
from scim_service.store.database.errors import DuplicateError
from scim_service.store.database.retries import repeatable
from scim_service.store.database.statements import Backend, Statement, Step, compile_statement
from scim_service.store.record import Record
from scim_service.store.resources.derived import meta_columns, plain_text, reference
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_store import Change, ResourceStore, json_rows
from scim_service.store.resources.uniqueness import Uniqueness
from scim_service.store.search.search_form import key_of
from scim_service.store.search.sql_filter import Expression, Relation, Source
from scim_service.store.tables import Email, Group, Jsonb, Membership, User, table

ACTIVE = "activeUsers"
INACTIVE = "inactiveUsers"

_LICENCE_LOCK = 0x5C1B
_USER = table(User)
_EMAIL = table(Email)
_GROUP = table(Group)
_MEMBERSHIP = table(Membership)


def _display_name(backend: Backend) -> Any:
    """Return a group's displayName as it was sent."""
    if backend == "sqlite":
        return func.json_extract(_GROUP.c.document, literal_column("'$.displayName'"))
    return func.jsonb_extract_path_text(
        cast(_GROUP.c.document, Jsonb()), literal_column("'displayName'")
    )


def _group_reference() -> Expression:
    return reference(literal_column("'/Groups/'"), _GROUP.c.id)


def _source(resource_type: ResourceType, backend: Backend) -> Source:
    groups = _MEMBERSHIP.join(_GROUP, _GROUP.c.id == _MEMBERSHIP.c.group_id)
    return Source(
        table=_USER,
        id=_USER.c.id,
        folded=_USER.c.folded,
        columns={
            (None, "id", None): _USER.c.id,
            (None, "userName", None): _USER.c.user_name,
            (None, "externalId", None): _USER.c.external_id,
            (None, "displayName", None): _USER.c.display_name,
            (URN_ENTERPRISE_USER, "employeeNumber", None): _USER.c.employee_number,
            **meta_columns(_USER, resource_type, backend),
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


class UserStore(ResourceStore):
    """The users of a tenant.

    Parameters
    ----------
    maximum
        The most active users there may be (the licence guard), None for no limit.
    """

    def __init__(
        self,
        database: Database,
        log: ActivityLog,
        counters: Counters,
        clock: Clock,
        *,
        resource_type: ResourceType,
        maximum: int | None,
    ) -> None:
        backend = database.backend
        memberships = (
            select(_GROUP.c.id)
            .join(_MEMBERSHIP, _MEMBERSHIP.c.group_id == _GROUP.c.id)
            .where(_MEMBERSHIP.c.member_id == _USER.c.id)
            .correlate(_USER)
        )
        super().__init__(
            database,
            log,
            counters,
            clock,
            resource_type=resource_type,
            table=_USER,
            source=_source(resource_type, backend),
            derived=json_rows(
                backend,
                memberships,
                value=_GROUP.c.id,
                ref=_group_reference(),
                display=_display_name(backend),
                type=literal_column("'direct'"),
            ),
            counter_names=(ACTIVE, INACTIVE),
        )
        self._maximum = maximum
        self._uniqueness = Uniqueness(database, resource_type)
        user_id = bindparam("user_id", type_=Text())
        self._insert_email = compile_statement(
            insert(_EMAIL)
            .inline()
            .values(
                user_id=user_id,
                value=bindparam("value"),
                type=bindparam("type"),
                primary=bindparam("primary"),
            ),
            backend,
        )
        self._delete_emails = compile_statement(
            delete(_EMAIL).where(_EMAIL.c.user_id == user_id), backend
        )
        in_groups = select(_MEMBERSHIP.c.group_id).where(_MEMBERSHIP.c.member_id == user_id)
        # Locked in one order, so that two deletions cannot wait for each other.
        self._lock_groups = compile_statement(
            select(_GROUP.c.id)
            .where(_GROUP.c.id.in_(in_groups))
            .order_by(_GROUP.c.id)
            .with_for_update(),
            backend,
        )
        self._touch_groups = compile_statement(
            update(_GROUP)
            .where(_GROUP.c.id.in_(in_groups))
            .values(
                version=_GROUP.c.version + 1, last_modified=bindparam("now", type_=BigInteger())
            ),
            backend,
        )
        self._leave_groups = compile_statement(
            delete(_MEMBERSHIP).where(_MEMBERSHIP.c.member_id == user_id), backend
        )
        self._lock_licences: Statement | None = None
        if backend == "postgresql":
            self._lock_licences = compile_statement(
                select(func.pg_advisory_xact_lock(_LICENCE_LOCK)), backend
            )

    async def prepare(self) -> None:
        """Make ready what the tenant's rules need; nothing keeps it from being served."""
        await self._uniqueness.prepare()

    @repeatable
    async def create(self, resource: Mapping[str, Any], origin: AuditContext) -> Record:
        """Store a new user.

        Raises
        ------
        ScimError
            409 for a userName, or another unique value, that is taken, 400 over the licence limit.
        """
        record = self._new(resource)
        folded = self._fold(resource)
        steps: list[Step] = [
            (self._insert, self._row(record, folded)),
            *self._emails(record.id, folded),
            self._counters.add(_counter(resource), 1),
            self._line(origin, record.id, tuple(resource), 201),
        ]
        try:
            unique = self._uniqueness.concerns(folded)
            if not unique and (self._maximum is None or not is_active(resource)):
                await self._database.write(*steps)
            else:
                long = unique and self._uniqueness.long
                async with self._database.transaction(long=long) as transaction:
                    await self._uniqueness.check(transaction, record.id, {}, folded)
                    if is_active(resource):
                        await self._check_licences(transaction)
                    await transaction.write(*steps)
        except DuplicateError as error:
            raise await self._taken(resource, folded) from error
        return record

    @repeatable
    async def change(
        self,
        resource_id: str,
        change: Change,
        origin: AuditContext,
        *,
        base: str,
        expected: Precondition = ANY_VERSION,
    ) -> Record:
        """Replace a user by what `change` makes of it, and return it with its groups.

        Raises
        ------
        ScimError
            404, 412, what `change` raises, and what `create` does.
        """
        after: Mapping[str, Any] = {}
        folded: Mapping[str, Any] = {}
        try:
            long = self._uniqueness.long
            async with self._database.transaction(long=long) as transaction:
                record = await self._locked(transaction, resource_id, expected, base=base)
                before = orjson.loads(record.document)
                after = change(before)
                changed = list_changed_attributes(before, after)
                steps = [self._line(origin, resource_id, changed, 200)]
                if changed:
                    record = self._changed(record, after)
                    folded = self._fold(after)
                    if self._uniqueness.concerns(folded):
                        former = self._fold(before)
                        await self._uniqueness.check(transaction, resource_id, former, folded)
                    steps.append((self._update, self._row(record, folded)))
                    if "emails" in changed:
                        steps.append((self._delete_emails, {"user_id": resource_id}))
                        steps += self._emails(resource_id, folded)
                    if is_active(before) != is_active(after):
                        if is_active(after):
                            await self._check_licences(transaction)
                        moved = {_counter(before): -1, _counter(after): 1}
                        # In one order for both directions, or two of them wait for each other.
                        steps += (self._counters.add(*each) for each in sorted(moved.items()))
                await transaction.write(*steps)
        except DuplicateError as error:
            raise await self._taken(after, folded) from error
        return record

    @repeatable
    async def delete(
        self, resource_id: str, origin: AuditContext, *, expected: Precondition = ANY_VERSION
    ) -> None:
        """Remove a user for good; the userName is free at once.

        Raises
        ------
        ScimError
            404, 412.
        """
        async with self._database.transaction(long=True) as transaction:
            await transaction.fetch(self._lock_groups, {"user_id": resource_id})
            record = await self._locked(transaction, resource_id, expected)
            now = self._clock()
            await transaction.execute(self._touch_groups, {"user_id": resource_id, "now": now})
            await transaction.write(
                (self._leave_groups, {"user_id": resource_id}),
                (self._delete, {"id": resource_id}),
                self._counters.add(_counter(orjson.loads(record.document)), -1),
                self._line(origin, resource_id, (), 204),
            )

    def _row(self, record: Record, folded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a user."""
        return {
            **super()._row(record, folded),
            "user_name": key_of(folded, "userName"),
            "external_id": key_of(folded, "externalId"),
            "display_name": key_of(folded, "displayName"),
            "employee_number": key_of(
                folded.get(URN_ENTERPRISE_USER, {}), "employeeNumber", f"{URN_ENTERPRISE_USER}:"
            ),
            "active": is_active(folded),
        }

    def _emails(self, user_id: str, folded: Mapping[str, Any]) -> list[Step]:
        return [
            (
                self._insert_email,
                {
                    "user_id": user_id,
                    "value": key_of(email, "value", "emails."),
                    "type": key_of(email, "type", "emails."),
                    "primary": email.get("primary"),
                },
            )
            for email in folded.get("emails", ())
        ]

    async def _check_licences(self, transaction: Transaction) -> None:
        """Refuse one more active user than the tenant may have.

        The status is 400 because of what Entra does with it
        (docs/decisions/0004-refusals-that-entra-understands.md).
        """
        if self._maximum is None:
            return
        if self._lock_licences is not None:
            await transaction.fetch(self._lock_licences, {})
        active = await self._counters.read(transaction, ACTIVE)
        if active >= self._maximum:
            raise errors.invalid_value(
                f"The tenant may have {self._maximum} active users and has {active}. Remove or"
                " disable users, or have the limit (maxUsers) raised. To provision fewer users,"
                " set the scope on Entra's Provisioning page to \"Sync only assigned users and"
                ' groups" and assign only those who need the application.'
            )

    async def _taken(
        self, resource: Mapping[str, Any], folded: Mapping[str, Any]
    ) -> errors.ScimError:
        holder = await self._holder("user_name", folded["userName"])
        return errors.uniqueness(
            f"There is already a user with the userName {resource['userName']}{holder}; userNames"
            " are compared without regard to case.",
            reason=f"There is already a user with this userName{holder}.",
        )


def _counter(resource: Mapping[str, Any]) -> str:
    return ACTIVE if is_active(resource) else INACTIVE
