"""The operations on groups."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from scim_service.scim.patch.members import MemberChange, split_member_values, split_members
from scim_service.scim.patch.operation import Operation
from scim_service.scim.projection import Projection
from scim_service.store.resources.group_store import GroupStore
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations.index_paging import IndexPaging
from scim_service.tenant.operations.representation import Representation
from scim_service.tenant.operations.resource_operations import Change, ResourceOperations
from scim_service.tenant.operations.result import Result
from scim_service.tenant.rules import Rules
from scim_service.worker import Worker


class GroupOperations(ResourceOperations[GroupStore]):
    """The operations on groups, whose members are rows of their own."""

    def __init__(
        self, rules: Rules, store: GroupStore, paging: IndexPaging, worker: Worker
    ) -> None:
        representation = Representation(store.resource_type, rules, worker, derived_name="members")
        super().__init__(rules, store, representation, paging, worker)

    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new group."""
        resource, members = split_member_values(
            self._strip_hidden(await self._validate(context, body))
        )
        record = await self._store.create(resource, members, context.audit_context("create"))
        context.resource_id = record.id
        if members:
            return replace(await self.get(context, record.id, projection), status=201)
        return await self.representation.render(context, record, projection, 201)

    async def _store_change(
        self, context: RequestContext, change: Change, projection: Projection
    ) -> Result:
        """Store a change; Microsoft asks that a patch is answered without a body."""
        is_patch = change.operation == "patch"
        context.dropped = await self._store.change(
            change.resource_id,
            change.apply,
            change.members,
            context.audit_context(change.operation),
            status=204 if is_patch else 200,
            expected=change.expected,
        )
        if is_patch:
            return Result(204)
        return await self.get(context, change.resource_id, projection)

    def _split_replacement(
        self, replacement: dict[str, Any]
    ) -> tuple[dict[str, Any], Sequence[MemberChange]]:
        others, members = split_member_values(replacement)
        return others, [MemberChange("replace", members)]

    def _split_patch(
        self, operations: list[Operation]
    ) -> tuple[Sequence[MemberChange], list[Operation]]:
        return split_members(operations)
