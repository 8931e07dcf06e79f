"""Pages by index: where a page starts when resources were added or removed since the last one."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scim_service.scim.messages import SearchRequest
from scim_service.scim.paging import Page
from scim_service.store.page_starts import PageStart, PageStarts, Position
from scim_service.tenant.context import RequestContext

SHORTER = 20
"""How many resources fewer a page has at most, so that no two clients' pages meet at an index."""


class RequestedPage(NamedTuple):
    """A page that is asked for, and where it starts.

    Attributes
    ----------
    searched, request
        What the page has in common with the next: the type that is searched, and the query.
    start
        What the page follows, None where only its index is known.
    """

    searched: str
    request: SearchRequest
    page: Page
    start: PageStart | None = None

    @property
    def query(self) -> str:
        """The digest of the query; most answers have one page and never need it."""
        request = self.request
        named = repr((self.searched, request.filter, request.sort_by, request.sort_order))
        return hashlib.sha256(named.encode()).hexdigest()[:32]

    @property
    def after(self) -> Position | None:
        """The sort keys of the last resource before the page."""
        return None if self.start is None else self.start.position


class IndexPaging:
    """The pages by index of one tenant."""

    def __init__(self, starts: PageStarts) -> None:
        self._starts = starts

    async def locate(self, searched: str, request: SearchRequest, page: Page) -> RequestedPage:
        """Return a page with its start."""
        requested = RequestedPage(searched, request, page)
        if page.start_index == 1 or page.count == 0:
            return requested
        start = await self._starts.find(requested.query, page.start_index)
        return requested._replace(start=start)

    async def end_page(
        self,
        context: RequestContext,
        requested: RequestedPage,
        found: Sequence[Position],
        *,
        more: bool,
        total: int,
    ) -> tuple[int, int]:
        """Note where the next page starts, and return a page's length and its totalResults.

        A client asks for the next page while that page's index is not above totalResults. So
        totalResults is high enough where more resources follow, also if some of those before them
        were removed, and no higher where none follow.

        Parameters
        ----------
        found
            The sort keys of the resources that the page can have.
        more
            Whether results follow after them.
        total
            The number of all results at present.
        """
        page, start = requested.page, requested.start
        length = len(found)
        if not more or length == 0:
            return length, page.offset + length if length or start is not None else total
        query = requested.query
        least = max(1, length - SHORTER)
        # A proxy sends the requests of all its clients over the same connections.
        client = f"{context.peer} {context.forwarded or ''}"
        while True:
            here = PageStart(found[length - 1], client, is_first=start is None)
            index = page.start_index + length
            if await self._starts.keep(query, index, here, insist=length == least):
                break
            length -= 1
        if length < page.asked:
            # For clients that go on at startIndex + count, whatever itemsPerPage says.
            here = replace(here, by_count=True)
            await self._starts.keep(query, page.start_index + page.asked, here)
        by_count = start is not None and start.by_count
        return length, max(total, page.start_index + (page.asked if by_count else length))
