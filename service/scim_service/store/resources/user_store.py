"""The users of a tenant."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

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
from scim_service.store.database.statements import Step
from scim_service.store.record import Record
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_store import Change, ResourceStore
from scim_service.store.resources.uniqueness import Uniqueness
from scim_service.store.resources.user_statements import (
    USER,
    UserStatements,
    groups_of_user,
    user_source,
)
from scim_service.store.search.search_form import read_key
from scim_service.worker import Worker

ACTIVE = "activeUsers"
INACTIVE = "inactiveUsers"


class UserStore(ResourceStore):
    """The users of a tenant.

    Parameters
    ----------
    maximum
        The maximum of active users (the licence limit), None for no limit.
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
        maximum: int | None,
    ) -> None:
        super().__init__(
            database,
            log,
            counters,
            clock,
            worker=worker,
            resource_type=resource_type,
            table=USER,
            source=user_source(resource_type, database.backend),
            derived=groups_of_user(database.backend),
            counter_names=(ACTIVE, INACTIVE),
        )
        self._maximum = maximum
        self._uniqueness = Uniqueness(database, resource_type)
        self._statements = UserStatements.compile(database.backend)

    async def prepare(self) -> None:
        """Create the indexes that the tenant's rules need; a failure does not stop the tenant."""
        await self._uniqueness.prepare()

    @repeatable
    async def create(self, resource: Mapping[str, Any], audit_context: AuditContext) -> Record:
        """Store a new user.

        Raises
        ------
        ScimError
            409 for a userName, or another unique value, that another user has; 400 over the
            licence limit.
        """
        record = self._new_record(resource)
        search_form = self._to_search_form(resource)
        steps: list[Step] = [
            (self._rows.insert, self._columns_of(record, search_form)),
            *self._insert_emails(record.id, search_form),
            self._counters.add(_counter(resource), 1),
            self._log_write(audit_context, record.id, tuple(resource), 201),
        ]
        try:
            await self._write_new(record.id, resource, search_form, steps)
        except DuplicateError as error:
            raise await self._conflict_error(resource) from error
        return record

    async def _write_new(
        self,
        user_id: str,
        resource: Mapping[str, Any],
        search_form: Mapping[str, Any],
        steps: Sequence[Step],
    ) -> None:
        """Write a new user, after the checks that the tenant's rules need."""
        unique = self._uniqueness.applies_to(search_form)
        counted = self._maximum is not None and is_active(resource)
        if not unique and not counted:
            await self._database.write(*steps)
            return
        long = unique and self._uniqueness.long
        async with self._database.transaction(long=long) as transaction:
            await self._uniqueness.check(transaction, user_id, {}, search_form)
            if counted:
                await self._check_licences(transaction)
            await transaction.write(*steps)

    @repeatable
    async def change(
        self,
        resource_id: str,
        change: Change,
        audit_context: AuditContext,
        *,
        base: str,
        expected: Precondition = ANY_VERSION,
    ) -> Record:
        """Replace a user by the result of `change`, and return it with its groups.

        Raises
        ------
        ScimError
            404, 412, the errors of `change`, and those of `create`.
        """
        after: Mapping[str, Any] = {}
        try:
            long = self._uniqueness.long
            async with self._database.transaction(long=long) as transaction:
                record = await self._lock(transaction, resource_id, expected, base=base)
                before = orjson.loads(record.document)
                after = change(before)
                changed = list_changed_attributes(before, after)
                steps = [self._log_write(audit_context, resource_id, changed, 200)]
                if changed:
                    record = self._next_record(record, after)
                    steps += await self._update(transaction, record, before, after, changed)
                await transaction.write(*steps)
        except DuplicateError as error:
            raise await self._conflict_error(after) from error
        return record

    async def _update(
        self,
        transaction: Transaction,
        record: Record,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
        changed: Sequence[str],
    ) -> list[Step]:
        """Check a changed user against the tenant's rules, and return the steps that write it."""
        search_form = self._to_search_form(after)
        if self._uniqueness.applies_to(search_form):
            earlier = self._to_search_form(before)
            await self._uniqueness.check(transaction, record.id, earlier, search_form)
        steps: list[Step] = [(self._rows.update, self._columns_of(record, search_form))]
        if "emails" in changed:
            steps.append((self._statements.delete_emails, {"user_id": record.id}))
            steps += self._insert_emails(record.id, search_form)
        if is_active(before) != is_active(after):
            if is_active(after):
                await self._check_licences(transaction)
            moved = {_counter(before): -1, _counter(after): 1}
            # In one order for both directions, or two transactions could wait for each other.
            steps += (self._counters.add(*each) for each in sorted(moved.items()))
        return steps

    @repeatable
    async def delete(
        self,
        resource_id: str,
        audit_context: AuditContext,
        *,
        expected: Precondition = ANY_VERSION,
    ) -> None:
        """Delete a user; the userName can be used again at once.

        Raises
        ------
        ScimError
            404, 412.
        """
        user = {"user_id": resource_id}
        async with self._database.transaction(long=True) as transaction:
            await transaction.fetch(self._statements.lock_groups, user)
            record = await self._lock(transaction, resource_id, expected)
            now = self._clock()
            await transaction.execute(self._statements.touch_groups, {**user, "now": now})
            await transaction.write(
                (self._statements.leave_groups, user),
                (self._rows.delete, {"id": resource_id}),
                self._counters.add(_counter(orjson.loads(record.document)), -1),
                self._log_write(audit_context, resource_id, (), 204),
            )

    def _columns_of(self, record: Record, search_form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a user."""
        enterprise = search_form.get(URN_ENTERPRISE_USER, {})
        return {
            **super()._columns_of(record, search_form),
            "user_name": read_key(search_form, "userName"),
            "external_id": read_key(search_form, "externalId"),
            "display_name": read_key(search_form, "displayName"),
            "employee_number": read_key(enterprise, "employeeNumber", f"{URN_ENTERPRISE_USER}:"),
            "active": is_active(search_form),
        }

    def _insert_emails(self, user_id: str, search_form: Mapping[str, Any]) -> list[Step]:
        return [
            (
                self._statements.insert_email,
                {
                    "user_id": user_id,
                    "value": read_key(email, "value", "emails."),
                    "type": read_key(email, "type", "emails."),
                    "primary": email.get("primary"),
                },
            )
            for email in search_form.get("emails", ())
        ]

    async def _check_licences(self, transaction: Transaction) -> None:
        """Refuse one more active user than the tenant may have.

        The status is 400 because of Entra's reaction to the others
        (docs/decisions/0004-refusals-that-entra-understands.md).
        """
        if self._maximum is None:
            return
        if self._statements.lock_licences is not None:
            await transaction.fetch(self._statements.lock_licences, {})
        active = await self._counters.read(transaction, ACTIVE)
        if active >= self._maximum:
            raise errors.invalid_value(
                f"The tenant may have {self._maximum} active users and has {active}. Remove or"
                " disable users, or have the limit (maxUsers) raised. To provision fewer users,"
                " set the scope on Entra's Provisioning page to \"Sync only assigned users and"
                ' groups" and assign only those who need the application.'
            )

    async def _conflict_error(self, resource: Mapping[str, Any]) -> errors.ScimError:
        user_name = self._to_search_form(resource)["userName"]
        holder = await self._name_holder("user_name", user_name)
        return errors.uniqueness(
            f"There is already a user with the userName {resource['userName']}{holder}; userNames"
            " are compared without regard to case.",
            reason=f"There is already a user with this userName{holder}.",
        )


def _counter(resource: Mapping[str, Any]) -> str:
    return ACTIVE if is_active(resource) else INACTIVE
