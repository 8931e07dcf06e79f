"""Stored resources as answers show them.

An answer is text that is put together from the stored document. The document is parsed only where
a client asks for some of its attributes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import orjson

from scim_service.scim import errors
from scim_service.scim.projection import Projection
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.record import Record
from scim_service.store.resources.derived import meta_text
from scim_service.tenant.context import RequestContext
from scim_service.tenant.operations.result import Result
from scim_service.tenant.rules import Rules
from scim_service.worker import Worker


def stored_version(record: Record) -> str:
    """Return the version of a resource whose answer shows nothing but its own row."""
    return str(record.version)


class Representation:
    """The JSON text of the resources of one type.

    Parameters
    ----------
    derived_name
        The attribute that is derived from other rows: a user's groups, a group's members.
    version_of
        Returns the version of a record as an answer shows it.
    """

    def __init__(
        self,
        resource_type: ResourceType,
        rules: Rules,
        worker: Worker,
        *,
        derived_name: str,
        version_of: Callable[[Record], str] = stored_version,
    ) -> None:
        self.resource_type = resource_type
        self._rules = rules
        self._worker = worker
        self._derived_name = derived_name
        self._version_of = version_of
        self.hidden = tuple(
            attribute.name
            for attribute in resource_type.schema.attributes
            if attribute.returned == "never"
        )
        # A stored document is what an answer has, unless some of it is returned on request only.
        self._is_whole = resource_type.not_by_default <= set(self.hidden)

    def projection(
        self, attributes: str | Sequence[str] | None, excluded: str | Sequence[str] | None
    ) -> Projection:
        """Return which attributes an answer has."""
        return Projection.parse(self.resource_type, attributes, excluded)

    def has_derived(self, projection: Projection) -> bool:
        """Whether an answer has the derived attribute."""
        return projection.wants(self._derived_name)

    def location(self, context: RequestContext, resource_id: str) -> str:
        """Return the address of a resource."""
        return f"{context.base}{self.resource_type.endpoint}/{resource_id}"

    async def render(
        self, context: RequestContext, record: Record, projection: Projection, status: int = 200
    ) -> Result:
        """Return the result that shows a resource.

        Raises
        ------
        ScimError
            The resource is too large for an answer.
        """
        size = _size(record)
        limit = self._rules.limits.answer_bytes
        if size > limit:
            raise errors.too_many(
                f"The {self.resource_type.name} takes {size} bytes with its {self._derived_name};"
                f" at most {limit} are returned. Ask for it with"
                f" excludedAttributes={self._derived_name}."
            )
        version = self._version_of(record)
        return Result(
            status,
            await self._worker.run(size, partial(self._text, context, record, projection, version)),
            self.location(context, record.id),
            version,
        )

    async def render_all(
        self, context: RequestContext, records: Sequence[Record], projection: Projection
    ) -> list[dict[str, Any]]:
        """Return the resources of a page, each as a fragment of JSON text."""

        def render() -> list[orjson.Fragment]:
            return [
                orjson.Fragment(self._text(context, each, projection, self._version_of(each)))
                for each in records
            ]

        fragments = await self._worker.run(sum(map(_size, records)), render)
        return cast("list[dict[str, Any]]", fragments)

    def _text(
        self, context: RequestContext, record: Record, projection: Projection, version: str
    ) -> bytes:
        derived = ""
        if record.derived is not None and record.derived != "[]":
            derived = f',"{self._derived_name}":{record.derived}'
        meta = meta_text(
            self.resource_type.name, record, self.location(context, record.id), version
        )
        text = f'{record.document[:-1]},"id":"{record.id}"{derived},"meta":{meta}}}'.encode()
        if projection.is_default and self._is_whole:
            return text
        return orjson.dumps(projection.apply(orjson.loads(text)))


def _size(record: Record) -> int:
    return len(record.document) + len(record.derived or "")
