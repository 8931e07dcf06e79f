"""Searches over users and groups at once (RFC 7644 section 3.4.2.1)."""

from collections.abc import Sequence
from typing import Any

import orjson

from scim_service.scim import errors
from scim_service.scim.messages import SearchRequest, build_list_response
from scim_service.scim.paging import parse_page
from scim_service.store.page_starts import Position
from scim_service.tenant.context import RequestContext
from scim_service.tenant.limits import Limits
from scim_service.tenant.operations.index_paging import IndexPaging, RequestedPage
from scim_service.tenant.operations.search import Search, ShownPage

_BOTH = ""
"""Names both types, where a search of one type has its name."""


class SearchAll:
    """The search over all types of resources.

    Parameters
    ----------
    searches
        The search of each type, in the order in which results have the types.
    """

    def __init__(self, searches: Sequence[Search], limits: Limits, paging: IndexPaging) -> None:
        self._searches = searches
        self._types = [search.resource_type for search in searches]
        self._order = [each.name for each in self._types]
        self._limits = limits
        self._paging = paging

    async def find(self, context: RequestContext, request: SearchRequest) -> bytes:
        """Return the ListResponse that a search is answered with.

        Raises
        ------
        ScimError
            invalidValue for sortBy or cursor, which are for one type of resources.
        """
        if request.sort_by or request.cursor is not None:
            raise errors.invalid_value(
                "sortBy and cursor are for one type of resources; use /Users/.search or"
                " /Groups/.search."
            )
        page = parse_page(
            request.start_index,
            request.count,
            default=self._limits.page_default,
            maximum=self._limits.page_maximum,
        )
        requested = await self._paging.locate(_BOTH, request, page)
        found = await self._find_page(context, request, requested)
        count, total = await self._paging.end_page(
            context, requested, found.positions, more=found.more, total=found.total
        )
        return orjson.dumps(
            build_list_response(found.resources[:count], total=total, start_index=page.start_index)
        )

    async def _find_page(
        self, context: RequestContext, request: SearchRequest, requested: RequestedPage
    ) -> ShownPage:
        """Return one page; each sort key begins with the name of the resource's type."""
        page, after = requested.page, requested.after
        resources: list[dict[str, Any]] = []
        positions: list[Position] = []
        total, more = 0, False
        for search in self._searches:
            name = search.resource_type.name
            is_past = after is not None and self._order.index(name) < self._order.index(after[0])
            # Where the page has ended before its last user, no group may follow.
            count = 0 if more or is_past else page.count - len(resources)
            found = await search.find_page(
                context,
                request,
                offset=max(page.offset - total, 0) if after is None else 0,
                count=count,
                after=after[1:] if after is not None and after[0] == name else None,
                among=self._types,
            )
            resources += found.resources
            positions += [(name, *position) for position in found.positions]
            total += found.total
            more = more or found.more or (count == 0 and not is_past and found.total > 0)
        return ShownPage(resources, positions, total, more)
