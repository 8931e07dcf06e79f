"""What can be done to users and groups, whichever way it is asked for.

A request to an endpoint, a search and an operation of a bulk request all end up here. An answer
is text that is put together from the stored document, which is only parsed where a client asked
for some of its attributes.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_fields
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast
from zlib import crc32

import orjson

from scim_service import entra, worker
from scim_service.scim import errors
from scim_service.scim.filter.absent import count_missing_as_active, remove_absent
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.tree import Filter
from scim_service.scim.messages import SearchRequest, build_list_response
from scim_service.scim.paging import decode_cursor, encode_cursor, parse_cursor_count, parse_page
from scim_service.scim.patch.apply import apply_patch
from scim_service.scim.patch.members import MemberChange, split_member_values, split_members
from scim_service.scim.patch.operation import Operation
from scim_service.scim.patch.parser import parse_patch
from scim_service.scim.projection import Projection
from scim_service.scim.resource.canonical import validate
from scim_service.scim.resource.changes import is_active, keep_disabled, replace_resource
from scim_service.scim.resource.missing import find_missing_attributes, find_missing_parts
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.sorting import Sort, parse_sort
from scim_service.store.page_starts import Position
from scim_service.store.record import Record
from scim_service.store.resources.derived import meta_text
from scim_service.store.resources.group_store import GroupStore
from scim_service.store.resources.ids import is_id
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_store import ResourceStore
from scim_service.store.resources.user_store import UserStore
from scim_service.store.search.query import FoundPage, Query
from scim_service.tenant.config import TenantConfig
from scim_service.tenant.context import RequestContext, etag
from scim_service.tenant.limits import Limits
from scim_service.tenant.walks import Walks

Store = TypeVar("Store", bound=ResourceStore)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of an operation; `body` is JSON text, None for no content."""

    status: int
    body: bytes | None = None
    location: str | None = None
    version: str | None = None


class Listed(NamedTuple):
    """Resources of a page as JSON, with their sort keys, and whether some come after it.

    `total` is how many results there are.
    """

    resources: list[dict[str, Any]]
    positions: Sequence[Position]
    total: int
    more: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """How one tenant is served: its configuration, its limits and its cursors' key."""

    config: TenantConfig
    limits: Limits
    cursor_key: bytes

    @property
    def lenient(self) -> bool:
        """Whether Entra's dialect is spoken."""
        return self.config.provisioning.lenient


class Operations(ABC, Generic[Store]):
    """The operations on the resources of one type."""

    derived_name: str
    """The attribute that comes from other rows."""

    def __init__(self, rules: Rules, store: Store, walks: Walks) -> None:
        self._walks = walks
        resource_type = store.resource_type
        self.resource_type = resource_type
        self._store = store
        self._rules = rules
        self._never = tuple(
            attribute.name
            for attribute in resource_type.schema.attributes
            if attribute.returned == "never"
        )
        # What is stored is what an answer has, unless some of it is returned on request only.
        self._is_whole = resource_type.not_by_default <= set(self._never)

    def identify(self, context: RequestContext, text: str) -> str:
        """Return the id that a request names, and note it; what cannot be one is looked up nowhere.

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
            resource_id, base=context.base, with_derived=projection.wants(self.derived_name)
        )
        return await self._answer(context, record, projection)

    @abstractmethod
    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new resource."""

    @abstractmethod
    async def replace(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Replace a resource (PUT)."""

    @abstractmethod
    async def patch(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Change a resource (PATCH)."""

    async def delete(
        self, context: RequestContext, resource_id: str, expected: Precondition = ANY_VERSION
    ) -> Result:
        """Remove a resource."""
        await self._store.delete(resource_id, context.audit_context("delete"), expected=expected)
        return Result(204)

    def projection(
        self, attributes: str | Sequence[str] | None, excluded: str | Sequence[str] | None
    ) -> Projection:
        """Return which attributes an answer has."""
        return Projection.parse(
            self.resource_type, attributes, excluded, lenient=self._rules.lenient
        )

    async def search(self, context: RequestContext, request: SearchRequest) -> bytes:
        """Return a ListResponse."""
        if request.cursor is not None:
            return await self._search_by_cursor(context, request)
        limits = self._rules.limits
        page = parse_page(
            request.start_index,
            request.count,
            default=limits.page_default,
            maximum=limits.page_maximum,
        )
        step = await self._walks.step(self.resource_type.name, request, page)
        found = await self.page(
            context, request, offset=page.offset, count=page.count, after=step.after
        )
        kept, total = await self._walks.settle(
            context, step, found.positions, more=found.more, total=found.total
        )
        body = build_list_response(
            found.resources[:kept], total=total, start_index=page.start_index
        )
        return orjson.dumps(body)

    async def page(
        self,
        context: RequestContext,
        request: SearchRequest,
        *,
        offset: int,
        count: int,
        after: Position | None = None,
        among: Sequence[ResourceType] = (),
    ) -> Listed:
        """Return the resources of a page: fewer than `count` where they are long.

        Parameters
        ----------
        among
            The types that the query is over; an attribute that only another one of them has is
            without a value here (RFC 7644 section 3.4.2.1).
        """
        projection = self.projection(request.attributes, request.excluded_attributes)
        selected = self._filter(request, among)
        if selected is False:
            return Listed([], [], total=0, more=False)
        query = Query(
            filter=selected or None,
            sort=self._sort(request),
            offset=offset,
            after=after,
            count=count,
            with_derived=projection.wants(self.derived_name),
            most=self._rules.limits.page_bytes,
        )
        found = await self._store.find(query, base=context.base)
        fragments = await self._fragments(context, found, projection)
        return Listed(fragments, found.positions, found.total, found.more)

    async def _search_by_cursor(self, context: RequestContext, request: SearchRequest) -> bytes:
        limits = self._rules.limits
        projection = self.projection(request.attributes, request.excluded_attributes)
        sort = self._sort(request)
        now = datetime.now(UTC)
        # A cursor continues the query it came from, and no other.
        signed = repr((self.resource_type.name, request.filter, sort))
        key = self._rules.cursor_key
        after = None
        if request.cursor:
            timeout = timedelta(seconds=limits.cursor_seconds)
            after = decode_cursor(request.cursor, query=signed, key=key, now=now, timeout=timeout)
        count = parse_cursor_count(
            request.count, default=limits.page_default, maximum=limits.page_maximum
        )
        query = Query(
            filter=self._filter(request) or None,
            sort=sort,
            after=after,
            count=count,
            with_derived=projection.wants(self.derived_name),
            most=limits.page_bytes,
        )
        found = await self._store.find(query, base=context.base)
        following = None
        if found.next is not None:
            following = encode_cursor(found.next, query=signed, key=key, now=now)
        return orjson.dumps(
            build_list_response(
                await self._fragments(context, found, projection),
                total=found.total,
                start_index=None,
                next_cursor=following,
            )
        )

    def _filter(
        self, request: SearchRequest, among: Sequence[ResourceType] = ()
    ) -> Filter | Literal[False] | None:
        """Return the filter: None selects everything, False nothing."""
        if request.filter is None:
            return None
        lenient = self._rules.lenient
        parsed = parse_filter(request.filter, lenient=lenient)
        if among:
            left = remove_absent(parsed, self.resource_type, among, lenient=lenient)
            if isinstance(left, bool):
                return None if left else False
            parsed = left
        resolved = resolve_filter(parsed, self.resource_type, lenient=lenient)
        return count_missing_as_active(resolved)

    def _sort(self, request: SearchRequest) -> Sort | None:
        if request.sort_by is None and request.sort_order is None:
            return None
        return parse_sort(
            self.resource_type, request.sort_by, request.sort_order, lenient=self._rules.lenient
        )

    async def _fragments(
        self, context: RequestContext, page: FoundPage, projection: Projection
    ) -> list[dict[str, Any]]:
        records = page.records
        work = partial(self._render_all, context, records, projection)
        return await worker.run(sum(map(_size, records)), work)

    def _render_all(
        self, context: RequestContext, records: Sequence[Record], projection: Projection
    ) -> list[dict[str, Any]]:
        fragments = [
            orjson.Fragment(self._render(context, each, projection, self._version(each)))
            for each in records
        ]
        return cast("list[dict[str, Any]]", fragments)

    def location(self, context: RequestContext, resource_id: str) -> str:
        """Return the address of a resource."""
        return f"{context.base}{self.resource_type.endpoint}/{resource_id}"

    async def _answer(
        self, context: RequestContext, record: Record, projection: Projection, status: int = 200
    ) -> Result:
        size = _size(record)
        limit = self._rules.limits.answer_bytes
        if size > limit:
            raise errors.too_many(
                f"The {self.resource_type.name} takes {size} bytes with its {self.derived_name};"
                f" at most {limit} are returned. Ask for it with"
                f" excludedAttributes={self.derived_name}."
            )
        version = self._version(record)
        return Result(
            status,
            await worker.run(size, partial(self._render, context, record, projection, version)),
            self.location(context, record.id),
            etag(version),
        )

    def _version(self, record: Record) -> str:
        """Return what the entity tag of a resource, as an answer shows it, has in its quotes."""
        return str(record.version)

    def _render(
        self, context: RequestContext, record: Record, projection: Projection, version: str
    ) -> bytes:
        """Return a resource as JSON text."""
        derived = ""
        if record.derived is not None and record.derived != "[]":
            derived = f',"{self.derived_name}":{record.derived}'
        meta = meta_text(
            self.resource_type.name, record, self.location(context, record.id), version
        )
        text = f'{record.document[:-1]},"id":"{record.id}"{derived},"meta":{meta}}}'.encode()
        if projection.is_default and self._is_whole:
            return text
        return orjson.dumps(projection.apply(orjson.loads(text)))

    async def _patch_operations(self, context: RequestContext, body: object) -> list[Operation]:
        def parse() -> list[Operation]:
            lenient, budget = self._rules.lenient, context.budget
            standard = body
            if lenient:
                standard = entra.normalise_patch(
                    self.resource_type, body, budget=budget, skipped=context.skipped
                )
            return parse_patch(
                standard,
                self.resource_type,
                lenient=lenient,
                budget=budget,
                skipped=context.skipped,
            )

        return await worker.run(context.size, parse)

    async def _validated(self, context: RequestContext, body: object) -> dict[str, Any]:
        def check() -> dict[str, Any]:
            lenient, standard = self._rules.lenient, body
            if lenient:
                standard = entra.normalise_resource(self.resource_type, body, budget=context.budget)
            return validate(self.resource_type, standard, lenient=lenient, skipped=context.skipped)

        return await worker.run(context.size, check)

    def _patched(
        self, context: RequestContext, before: dict[str, Any], operations: list[Operation]
    ) -> dict[str, Any]:
        after = apply_patch(
            self.resource_type,
            before,
            operations,
            lenient=self._rules.lenient,
            budget=context.budget,
        )
        return self._kept(after)

    def _kept(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Leave out what no client can ever read: storing a password would only be a risk."""
        for name in self._never:
            resource.pop(name, None)
        return resource


def _size(record: Record) -> int:
    return len(record.document) + len(record.derived or "")


class UserOperations(Operations[UserStore]):
    """The operations on users."""

    derived_name = "groups"

    def _version(self, record: Record) -> str:
        """Return a version that changes with the memberships, which change the row of no user.

        The reason is in docs/decisions/0017-what-an-entity-tag-covers.md.
        """
        if record.derived is None or record.derived == "[]":
            return str(record.version)
        groups = record.derived.encode()
        return f"{record.version}-{crc32(groups):x}{len(groups):x}"

    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new user."""
        resource = self._kept(await self._validated(context, body))
        self._check_rules(None, resource)
        record = await self._store.create(resource, context.audit_context("create"))
        context.resource_id = record.id
        return await self._answer(context, record, projection, 201)

    async def replace(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Replace a user."""
        replacement = await self._validated(context, body)

        def change(before: dict[str, Any]) -> dict[str, Any]:
            after = self._kept(replace_resource(self.resource_type, before, replacement))
            return self._ruled(before, after)

        record = await self._store.change(
            resource_id,
            change,
            context.audit_context("replace"),
            base=context.base,
            expected=expected,
        )
        return await self._answer(context, record, projection)

    async def patch(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Change a user; the answer has the user, which spares Entra a request."""
        operations = await self._patch_operations(context, body)

        def change(before: dict[str, Any]) -> dict[str, Any]:
            return self._ruled(before, self._patched(context, before, operations))

        record = await self._store.change(
            resource_id,
            change,
            context.audit_context("patch"),
            base=context.base,
            expected=expected,
        )
        return await self._answer(context, record, projection)

    def _ruled(self, before: Mapping[str, Any], after: dict[str, Any]) -> dict[str, Any]:
        """Return what a request makes of a user, if the tenant's rules allow it."""
        after = keep_disabled(before, after)
        self._check_rules(before, after)
        return after

    def _check_rules(self, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
        """Refuse a request that makes a user lack what the tenant asks for.

        The status is 400 because of what Entra does with it
        (docs/decisions/0004-refusals-that-entra-understands.md).
        """
        required = self._rules.config.provisioning.required_attributes
        missing = newly_missing(self.resource_type, required, before, after)
        if not missing:
            return
        advice = "; ".join(f"{name} (usually from {_source(name)})" for name in missing)
        raise errors.invalid_value(
            f"This tenant requires a value for {advice}. In the Entra admin center open the"
            " application's Provisioning, Mappings, Provision Microsoft Entra ID Users, and map"
            " the attribute; where it is mapped, the user has no value for it in Entra."
        )


def newly_missing(
    resource_type: ResourceType,
    required: Sequence[str],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> tuple[str, ...]:
    """Return what a request makes a user lack of what its tenant requires.

    That is all that a user lacks who is new or becomes active, what is taken away from one who
    stays active, and nothing for one who is disabled afterwards: no rule may keep access open.

    Parameters
    ----------
    required
        The attributes that every user must have a value for; those that a schema extension
        requires are counted as well.
    before
        The user as it was, None for a new one.
    """

    def missing(user: Mapping[str, Any]) -> tuple[str, ...]:
        return find_missing_attributes(resource_type, user, required) + find_missing_parts(
            resource_type, user
        )

    lacking = missing(after)
    if before is None or not lacking:
        return tuple(dict.fromkeys(lacking))
    if not is_active(after):
        return ()
    known = missing(before) if is_active(before) else ()
    # Values of one attribute can lack the same part, so they are counted.
    return tuple(Counter(lacking) - Counter(known))


_SOURCES = {
    "emails": 'the source attribute mail, to emails[type eq "work"].value',
    "phonenumbers": 'telephoneNumber, to phoneNumbers[type eq "work"].value',
    "name": "givenName and surname, to name.givenName and name.familyName",
    "externalid": "mailNickname or objectId, to externalId",
    "displayname": "displayName",
    "title": "jobTitle, to title",
    "employeenumber": "employeeId, to the enterprise extension's employeeNumber",
    "department": "department, to the enterprise extension's department",
    "manager": "manager, to the enterprise extension's manager",
    "preferredlanguage": "preferredLanguage",
    "addresses": 'streetAddress, city and country, to addresses[type eq "work"]',
}
"""Where Entra's default attribute mappings take values from, by name in lower case."""


def _source(name: str) -> str:
    return _SOURCES.get(name.rpartition(":")[2].lower(), f"a source attribute you map to {name}")


class GroupOperations(Operations[GroupStore]):
    """The operations on groups."""

    derived_name = "members"

    async def create(self, context: RequestContext, body: object, projection: Projection) -> Result:
        """Store a new group."""
        resource, members = split_member_values(self._kept(await self._validated(context, body)))
        record = await self._store.create(resource, members, context.audit_context("create"))
        context.resource_id = record.id
        if members:
            return with_fields(await self.get(context, record.id, projection), status=201)
        return await self._answer(context, record, projection, 201)

    async def replace(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Replace a group, members and all."""
        replacement, members = split_member_values(await self._validated(context, body))
        context.dropped = await self._store.change(
            resource_id,
            lambda before: self._kept(replace_resource(self.resource_type, before, replacement)),
            [MemberChange("replace", members)],
            context.audit_context("replace"),
            status=200,
            expected=expected,
        )
        return await self.get(context, resource_id, projection)

    async def patch(
        self,
        context: RequestContext,
        resource_id: str,
        body: object,
        projection: Projection,
        expected: Precondition = ANY_VERSION,
    ) -> Result:
        """Change a group; Microsoft asks for an answer without the members, so there is none."""
        members, others = split_members(await self._patch_operations(context, body))
        context.dropped = await self._store.change(
            resource_id,
            lambda before: self._patched(context, before, others),
            members,
            context.audit_context("patch"),
            status=204,
            expected=expected,
        )
        return Result(204)
