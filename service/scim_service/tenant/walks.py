"""Walks by index: which page comes next while people come and go."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scim_service.scim.messages import SearchRequest
from scim_service.scim.paging import Page
from scim_service.store.page_starts import PageStart, PageStarts, Position
from scim_service.tenant.context import RequestContext

SHORTER = 20
"""By how many resources a page ends earlier at most, so that no two walks meet at an index."""


class Step(NamedTuple):
    """A page of a walk, as it is asked for.

    Attributes
    ----------
    searched, request
        Everything that a page has in common with the next.
    place
        What the page follows, None where only its index is known.
    """

    searched: str
    request: SearchRequest
    page: Page
    place: PageStart | None = None

    @property
    def query(self) -> str:
        """Return what stands for the query; most answers have one page and never need it."""
        request = self.request
        named = repr((self.searched, request.filter, request.sort_by, request.sort_order))
        return hashlib.sha256(named.encode()).hexdigest()[:32]

    @property
    def after(self) -> Position | None:
        """The sort keys of the last resource before the page."""
        return None if self.place is None else self.place.position


class Walks:
    """The walks through one tenant's resources."""

    def __init__(self, starts: PageStarts) -> None:
        self._starts = starts

    async def step(self, what: str, request: SearchRequest, page: Page) -> Step:
        """Return the step that a request is; `what` is searched."""
        step = Step(what, request, page)
        if page.start_index == 1 or page.count == 0:
            return step
        return step._replace(place=await self._starts.find(step.query, page.start_index))

    async def settle(
        self,
        context: RequestContext,
        step: Step,
        found: Sequence[Position],
        *,
        more: bool,
        total: int,
    ) -> tuple[int, int]:
        """Return how many of the resources that were found the page has, and its totalResults.

        A client goes on while its next index is not above totalResults. So that is as high as
        there are more resources, also where some of those before are gone, and no higher where
        there are none.

        Parameters
        ----------
        found
            The sort keys of the resources, which are as many as the page can have at most.
        total
            How many there are in all at present.
        """
        page, place = step.page, step.place
        kept = len(found)
        if not more or kept == 0:
            return kept, page.offset + kept if kept or place is not None else total
        query = step.query
        least = max(1, kept - SHORTER)
        # A proxy sends the requests of all its clients over the same connections.
        client = f"{context.peer} {context.forwarded or ''}"
        while True:
            here = PageStart(found[kept - 1], client, is_first=place is None)
            index = page.start_index + kept
            if await self._starts.keep(query, index, here, insist=kept == least):
                break
            kept -= 1
        if kept < page.asked:
            # For clients that go on at startIndex + count, whatever itemsPerPage says.
            here = replace(here, by_count=True)
            await self._starts.keep(query, page.start_index + page.asked, here)
        by_count = place is not None and place.by_count
        return kept, max(total, page.start_index + (page.asked if by_count else kept))
