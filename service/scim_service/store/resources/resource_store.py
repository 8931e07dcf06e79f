"""The part of a store that users and groups share: to read, find, lock, change and log."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Table

from scim_service.scim import errors
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database, Reach, Transaction
from scim_service.store.database.statements import Step
from scim_service.store.record import Record
from scim_service.store.resources.ids import new_id
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.resources.resource_statements import ResourceStatements, record_columns
from scim_service.store.resources.size_limit import check_size
from scim_service.store.search.query import Finder, FoundPage, Query
from scim_service.store.search.search_form import build_converter
from scim_service.store.search.source import Expression, Source
from scim_service.worker import Worker

Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns the new form of a resource, both in canonical form, or raises ScimError."""


class ResourceStore(ABC):
    """The resources of one type.

    Parameters
    ----------
    derived
        The attributes that come from other rows, as JSON text.
    derived_reach
        The reach of a query for a list of resources with these attributes.
    counter_names
        The counters whose sum is the number of resources.
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
        table: Table,
        source: Source,
        derived: Expression,
        derived_reach: Reach = "rows",
        counter_names: Sequence[str],
    ) -> None:
        self.resource_type = resource_type
        self._database = database
        self._log = log
        self._counters = counters
        self._clock = clock
        self._to_search_form = build_converter(resource_type)
        columns = record_columns(table, derived)
        self._rows = ResourceStatements.compile(table, columns, database.backend)
        self._finder = Finder(
            database,
            worker,
            source,
            columns,
            derived_reach=derived_reach,
            number=counters.sum_of(counter_names),
        )

    async def get(self, resource_id: str, *, base: str, with_derived: bool) -> Record:
        """Return a resource.

        Parameters
        ----------
        base
            The tenant's base URL, for the references in derived attributes.

        Raises
        ------
        ScimError
            404.
        """
        values = {"id": resource_id, "base": base}
        rows = await self._database.fetch(self._rows.read[with_derived], values)
        if not rows:
            raise self._not_found_error(resource_id)
        return Record(*rows[0])

    async def find(self, query: Query, *, base: str) -> FoundPage:
        """Return a page of resources.

        Raises
        ------
        ScimError
            invalidFilter: the filter names an attribute that is not stored.
        """
        return await self._finder.find(query, {"base": base})

    @abstractmethod
    async def delete(
        self,
        resource_id: str,
        audit_context: AuditContext,
        *,
        expected: Precondition = ANY_VERSION,
    ) -> None:
        """Delete a resource.

        Raises
        ------
        ScimError
            404, 412.
        """

    def _not_found_error(self, resource_id: str) -> errors.ScimError:
        return errors.not_found(f"There is no {self.resource_type.name} with the id {resource_id}.")

    def _columns_of(self, record: Record, search_form: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a resource; subclasses add the keys that it is matched on."""
        return {
            "id": record.id,
            "key": record.id,
            "document": record.document,
            "folded": orjson.dumps(search_form).decode(),
            "version": record.version,
            "created": record.created,
            "last_modified": record.last_modified,
        }

    def _new_record(self, resource: Mapping[str, Any]) -> Record:
        """Return the first record of a resource.

        Raises
        ------
        ScimError
            413 for a resource that is too long.
        """
        document = orjson.dumps(resource)
        check_size(self.resource_type.name, resource, document)
        now = self._clock()
        return Record(new_id(), document.decode(), 1, now, now)

    def _next_record(self, record: Record, resource: Mapping[str, Any]) -> Record:
        """Return the record that replaces another one.

        Raises
        ------
        ScimError
            413 for a resource that is too long.
        """
        document = orjson.dumps(resource)
        check_size(self.resource_type.name, resource, document, before=record.document)
        return Record(
            record.id,
            document.decode(),
            record.version + 1,
            record.created,
            max(self._clock(), record.last_modified + 1),
            record.derived,
        )

    async def _name_holder(self, column: str, value: str) -> str:
        """Return a phrase with the id of the resource that has a unique value, or nothing."""
        rows = await self._database.fetch(self._rows.read_holder[column], {"value": value})
        return f" (its id is {rows[0][0]})" if rows else ""

    async def _lock(
        self,
        transaction: Transaction,
        resource_id: str,
        expected: Precondition,
        *,
        base: str | None = None,
    ) -> Record:
        """Lock and return a resource; include derived attributes if `base` is given.

        Raises
        ------
        ScimError
            404, 412.
        """
        values = {"id": resource_id, "base": base}
        rows = await transaction.fetch(self._rows.lock[base is not None], values)
        if not rows:
            raise self._not_found_error(resource_id)
        record = Record(*rows[0])
        expected.check(record.version)
        return record

    def _log_write(
        self,
        audit_context: AuditContext,
        resource_id: str,
        attributes: Sequence[str],
        status: int,
    ) -> Step:
        return self._log.line(
            audit_context,
            resource_type=self.resource_type.name,
            resource_id=resource_id,
            attributes=attributes,
            status=status,
        )
