"""The operations on users."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

from scim_service.scim.projection import Projection
from scim_service.scim.resource.changes import keep_disabled
from scim_service.store.record import Record
from scim_service.store.resources.user_store import UserStore
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations.index_paging import IndexPaging
from scim_service.tenant.operations.representation import Representation, stored_version
from scim_service.tenant.operations.required_attributes import check_user
from scim_service.tenant.operations.resource_operations import Change, ResourceOperations
from scim_service.tenant.operations.result import Result
from scim_service.tenant.rules import Rules
from scim_service.worker import Worker


def version_of_user(record: Record) -> str:
    """Return a version that changes with the memberships, which change the row of no user.

    The reason is in docs/decisions/0017-what-an-entity-tag-covers.md.
    """
    if record.derived is None or record.derived == "[]":
        return stored_version(record)
    groups = record.derived.encode()
    return f"{record.version}-{crc32(groups):x}{len(groups):x}"


class UserOperations(ResourceOperations[UserStore]):
    """The operations on users."""

    def __init__(self, rules: Rules, store: UserStore, paging: IndexPaging, worker: Worker) -> None:
        representation = Representation(
            store.resource_type, rules, worker, derived_name="groups", version_of=version_of_user
        )
        super().__init__(rules, store, representation, paging, worker)
        self._required = rules.config.provisioning.required_attributes

    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new user."""
        resource = self._strip_hidden(await self._validate(context, body))
        check_user(self.resource_type, self._required, None, resource)
        record = await self._store.create(resource, context.audit_context("create"))
        context.resource_id = record.id
        return await self.representation.render(context, record, projection, 201)

    async def _store_change(
        self, context: RequestContext, change: Change, projection: Projection
    ) -> Result:
        """Store a change; the answer has the user, which spares Entra a request after a patch."""
        record = await self._store.change(
            change.resource_id,
            change.apply,
            context.audit_context(change.operation),
            base=context.base,
            expected=change.expected,
        )
        return await self.representation.render(context, record, projection)

    def _enforce_rules(self, before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        after = keep_disabled(before, after)
        check_user(self.resource_type, self._required, before, after)
        return after
