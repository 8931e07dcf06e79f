"""Searches over the resources of one type, by index and by cursor."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson

from scim_service.scim.filter.absent import count_missing_as_active, remove_absent
from scim_service.scim.filter.parser import parse_filter
from scim_service.scim.filter.resolver import resolve_filter
from scim_service.scim.filter.tree import Filter
from scim_service.scim.messages import SearchRequest, build_list_response
from scim_service.scim.paging import decode_cursor, encode_cursor, parse_cursor_count, parse_page
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.scim.sorting import Sort, parse_sort
from scim_service.store.page_starts import Position
from scim_service.store.resources.resource_store import ResourceStore
from scim_service.store.search.query import Query
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations.index_paging import IndexPaging
from scim_service.tenant.operations.representation import Representation
from scim_service.tenant.rules import Rules


class ShownPage(NamedTuple):
    """One page of a search, as an answer shows it.

    Attributes
    ----------
    resources, positions
        The resources as JSON, and their sort keys.
    total
        The number of all results.
    more
        Whether results follow after the page.
    """

    resources: list[dict[str, Any]]
    positions: Sequence[Position]
    total: int
    more: bool


class Search:
    """The search over the resources of one type."""

    def __init__(
        self,
        store: ResourceStore,
        representation: Representation,
        rules: Rules,
        paging: IndexPaging,
    ) -> None:
        self.resource_type = store.resource_type
        self._store = store
        self._representation = representation
        self._rules = rules
        self._paging = paging

    async def find(self, context: RequestContext, request: SearchRequest) -> bytes:
        """Return the ListResponse that a search is answered with."""
        if request.cursor is not None:
            return await self._find_by_cursor(context, request)
        limits = self._rules.limits
        page = parse_page(
            request.start_index,
            request.count,
            default=limits.page_default,
            maximum=limits.page_maximum,
        )
        requested = await self._paging.locate(self.resource_type.name, request, page)
        found = await self.find_page(
            context, request, offset=page.offset, count=page.count, after=requested.after
        )
        count, total = await self._paging.end_page(
            context, requested, found.positions, more=found.more, total=found.total
        )
        body = build_list_response(
            found.resources[:count], total=total, start_index=page.start_index
        )
        return orjson.dumps(body)

    async def find_page(
        self,
        context: RequestContext,
        request: SearchRequest,
        *,
        offset: int,
        count: int,
        after: Position | None = None,
        among: Sequence[ResourceType] = (),
    ) -> ShownPage:
        """Return one page, which has fewer than `count` resources where they are long.

        Parameters
        ----------
        among
            The types that the query is over. An attribute that only another of them has is without
            a value here (RFC 7644 section 3.4.2.1).
        """
        projection = self._representation.projection(
            request.attributes, request.excluded_attributes
        )
        selected = self._parse_filter(request, among)
        if selected is False:
            return ShownPage([], [], total=0, more=False)
        query = Query(
            filter=selected or None,
            sort=self._parse_sort(request),
            offset=offset,
            after=after,
            count=count,
            with_derived=self._representation.has_derived(projection),
            most=self._rules.limits.page_bytes,
        )
        found = await self._store.find(query, base=context.base)
        resources = await self._representation.render_all(context, found.records, projection)
        return ShownPage(resources, found.positions, found.total, found.more)

    async def _find_by_cursor(self, context: RequestContext, request: SearchRequest) -> bytes:
        limits = self._rules.limits
        projection = self._representation.projection(
            request.attributes, request.excluded_attributes
        )
        sort = self._parse_sort(request)
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
            filter=self._parse_filter(request) or None,
            sort=sort,
            after=after,
            count=count,
            with_derived=self._representation.has_derived(projection),
            most=limits.page_bytes,
        )
        found = await self._store.find(query, base=context.base)
        following = None
        if found.next is not None:
            following = encode_cursor(found.next, query=signed, key=key, now=now)
        return orjson.dumps(
            build_list_response(
                await self._representation.render_all(context, found.records, projection),
                total=found.total,
                start_index=None,
                next_cursor=following,
            )
        )

    def _parse_filter(
        self, request: SearchRequest, among: Sequence[ResourceType] = ()
    ) -> Filter | Literal[False] | None:
        """Return the filter: None selects everything, False nothing."""
        if request.filter is None:
            return None
        parsed = parse_filter(request.filter, self.resource_type.leniencies)
        if among:
            left = remove_absent(parsed, self.resource_type, among)
            if isinstance(left, bool):
                return None if left else False
            parsed = left
        resolved = resolve_filter(parsed, self.resource_type)
        return count_missing_as_active(resolved)

    def _parse_sort(self, request: SearchRequest) -> Sort | None:
        if request.sort_by is None and request.sort_order is None:
            return None
        return parse_sort(self.resource_type, request.sort_by, request.sort_order)
