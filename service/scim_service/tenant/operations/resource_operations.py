"""The operations on the resources of one type, as far as users and groups have them in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from scim_service.scim import errors
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.members import MemberChange
from scim_service.scim.patch.operation import Operation
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.projection import Projection
from scim_service.scim.resource.canonical import validate
from scim_service.scim.resource.changes import replace_resource
from scim_service.store.resources.ids import is_id
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_store import ResourceStore
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations.index_paging import IndexPaging
from scim_service.tenant.operations.representation import Representation
from scim_service.tenant.operations.result import Result
from scim_service.tenant.operations.search import Search
from scim_service.tenant.rules import Rules
from scim_service.worker import Worker

Store = TypeVar("Store", bound=ResourceStore)


@dataclass(frozen=True, slots=True)
class Change:
    """A replacement or a patch of one resource, ready for the store.

    Parameters
    ----------
    operation
        Its name in the log: ``replace`` or ``patch``.
    apply
        Returns the changed resource, or raises ScimError; the store calls it in its transaction.
    members
        The changes of a group's members.
    expected
        The versions that the resource may have before.
    """

    operation: str
    resource_id: str
    apply: Callable[[dict[str, Any]], dict[str, Any]]
    members: Sequence[MemberChange]
    expected: Precondition


class ResourceOperations(ABC, Generic[Store]):
    """The operations on the resources of one type."""

    def __init__(
        self,
        rules: Rules,
        store: Store,
        representation: Representation,
        paging: IndexPaging,
        worker: Worker,
    ) -> None:
        self.resource_type = store.resource_type
        self.representation = representation
        self.search = Search(store, representation, rules, paging)
        self._store = store
        self._rules = rules
        self._worker = worker

    def identify(self, context: RequestContext, text: str) -> str:
        """Return the id that a request names, and note it; a text of another form is refused.

        Raises
        ------
        ScimError
            404.
        """
        if not is_id(text):
            raise errors.not_found(
                f"There is no such {self.resource_type.name}: its id is a UUID in lower case, as"
                f" it was answered when the {self.resource_type.name} was created."
            )
        context.resource_id = text
        return text

    async def get(
        self, context: RequestContext, resource_id: str, projection: Projection
    ) -> Result:
        """Return a resource."""
        record = await self._store.get(
            resource_id,
            base=context.base,
            with_derived=self.representation.has_derived(projection),
        )
        return await self.representation.render(context, record, projection)

    @abstractmethod
    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new resource (POST)."""

    async def replace(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Replace a resource (PUT)."""
        replacement, members = self._split_replacement(await self._validate(context, body))

        def apply(before: dict[str, Any]) -> dict[str, Any]:
            after = self._strip_hidden(replace_resource(self.resource_type, before, replacement))
            return self._enforce_rules(before, after)

        change = Change("replace", resource_id, apply, members, expected)
        return await self._store_change(context, change, projection)

    async def patch(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Change a resource (PATCH)."""
        members, operations = self._split_patch(await self._parse_patch(context, body))

        def apply(before: dict[str, Any]) -> dict[str, Any]:
            after = apply_patch(
                self.resource_type,
                before,
                operations,
                budget=context.budget,
            )
            return self._enforce_rules(before, self._strip_hidden(after))

        change = Change("patch", resource_id, apply, members, expected)
        return await self._store_change(context, change, projection)

    async def delete(
        self, context: RequestContext, resource_id: str, expected: Precondition = ANY_VERSION
    ) -> Result:
        """Remove a resource."""
        await self._store.delete(resource_id, context.audit_context("delete"), expected=expected)
        return Result(204)

    @abstractmethod
    async def _store_change(
        self, context: RequestContext, change: Change, projection: Projection
    ) -> Result:
        """Store a change, and return the result that its operation has for this type."""

    def _split_replacement(
        self, replacement: dict[str, Any]
    ) -> tuple[dict[str, Any], Sequence[MemberChange]]:
        """Return a replacement without members, and the change of the members."""
        return replacement, ()

    def _split_patch(
        self, operations: list[Operation]
    ) -> tuple[Sequence[MemberChange], list[Operation]]:
        """Return the changes of members, and the operations on all else."""
        return (), operations

    def _enforce_rules(self, _: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        """Return the changed resource as the tenant's rules allow it, or raise ScimError."""
        return after

    async def _validate(self, context: RequestContext, body: object) -> dict[str, Any]:
        def validate_body() -> dict[str, Any]:
            standard = self._rules.dialect.normalise_resource(
                self.resource_type, body, budget=context.budget
            )
            return validate(self.resource_type, standard, skipped=context.skipped)

        return await self._worker.run(context.size, validate_body)

    async def _parse_patch(self, context: RequestContext, body: object) -> list[Operation]:
        def parse() -> list[Operation]:
            budget, skipped = context.budget, context.skipped
            standard = self._rules.dialect.normalise_patch(
                self.resource_type, body, budget=budget, skipped=skipped
            )
            return parse_patch(standard, self.resource_type, budget=budget, skipped=skipped)

        return await self._worker.run(context.size, parse)

    def _strip_hidden(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Remove attributes that are never returned: to store a password would only be a risk."""
        for name in self.representation.hidden:
            resource.pop(name, None)
        return resource
