"""What users and groups have in common: how they are read, locked, changed and logged."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson
from sqlalchemy import (
    Select,
    Table,
    Text,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)

from scim_service.scim import errors
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.activity.activity_log import ActivityLog
from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.counters import Counters
from scim_service.store.database.database import Database, Reach, Transaction
from scim_service.store.database.statements import Backend, Step, compile_statement
from scim_service.store.record import Record
from scim_service.store.resources.ids import new_id
from scim_service.store.resources.precondition import ANY_VERSION, Precondition
from scim_service.store.search.query import Finder, FoundPage, Query
from scim_service.store.search.search_form import folder
from scim_service.store.search.sql_filter import Expression, Source

RESOURCE_BYTES = 256 * 1024
"""The longest resource that is stored, the members of a group not counted.

What Entra maps by default takes a kilobyte. This leaves room for a picture in the resource
itself, which directories keep below 100 KB, and for a thousand roles.
"""

_MEMBER_NAMES = {"ref": "$ref"}


def json_rows(
    backend: Backend, rows: Select[Any], *, display: Expression, **values: Expression
) -> Expression:
    """Return the rows of a query as JSON text: an array of objects with these members.

    Without rows it is null or an empty array; an object has no ``display`` where that is null. A
    member named ``ref`` becomes ``$ref``.
    """
    pairs: list[Any] = []
    for name, value in values.items():
        pairs += [literal_column(f"'{_MEMBER_NAMES.get(name, name)}'"), value]
    shown = [*pairs, literal_column("'display'"), display]
    if backend == "sqlite":
        each: Expression = case(
            (display.is_(None), func.json_object(*pairs)), else_=func.json_object(*shown)
        )
        # What comes out of CASE is text to SQLite, not JSON.
        aggregate: Expression = func.json_group_array(func.json(each))
    else:
        each = func.json_strip_nulls(func.json_build_object(*shown))
        aggregate = cast(func.json_agg(each), Text())
    return rows.with_only_columns(aggregate).scalar_subquery()


class ResourceStore(ABC):
    """The resources of one type.

    Parameters
    ----------
    derived
        The attributes that come from other rows, as JSON text.
    derived_reach
        How far a list of resources reaches that has them.
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
        self._fold = folder(resource_type)
        columns = (
            table.c.id,
            table.c.document,
            table.c.version,
            table.c.created,
            table.c.last_modified,
            derived,
        )
        self._finder = Finder(
            database,
            source,
            columns,
            derived_reach=derived_reach,
            number=counters.sum_of(counter_names),
        )
        by_id = table.c.id == bindparam("id")
        backend = database.backend
        self._get = {
            wanted: compile_statement(
                select(*(columns if wanted else columns[:-1])).where(by_id), backend
            )
            for wanted in (True, False)
        }
        self._lock = {
            wanted: compile_statement(
                select(*(columns if wanted else columns[:-1]))
                .where(by_id)
                .with_for_update(of=table),
                backend,
            )
            for wanted in (True, False)
        }
        names = [column.name for column in table.c]
        self._insert = compile_statement(
            insert(table).values({name: bindparam(name) for name in names}),
            backend,
        )
        self._update = compile_statement(
            update(table)
            .where(table.c.id == bindparam("key"))
            .values({name: bindparam(name) for name in names if name not in {"id", "created"}}),
            backend,
        )
        self._holders = {
            column.name: compile_statement(
                select(table.c.id).where(column == bindparam("value")), backend
            )
            for column in table.c
            if column.unique
        }
        self._delete = compile_statement(delete(table).where(by_id), backend)

    async def get(self, resource_id: str, *, base: str, with_derived: bool) -> Record:
        """Return a resource.

        Raises
        ------
        ScimError
            404.
        """
        values = {"id": resource_id, "base": base}
        rows = await self._database.fetch(self._get[with_derived], values)
        if not rows:
            raise self._not_found(resource_id)
        return Record(*rows[0])

    async def find(self, query: Query, *, base: str) -> FoundPage:
        """Return a page of resources.

        Raises
        ------
        ScimError
            invalidFilter: the filter asks for something that is not kept.
        """
        return await self._finder.find(query, {"base": base})

    @abstractmethod
    async def delete(
        self, resource_id: str, origin: AuditContext, *, expected: Precondition = ANY_VERSION
    ) -> None:
        """Remove a resource for good.

        Raises
        ------
        ScimError
            404, 412.
        """

    def _not_found(self, resource_id: str) -> errors.ScimError:
        return errors.not_found(f"There is no {self.resource_type.name} with the id {resource_id}.")

    def _row(self, record: Record, folded: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a resource; subclasses add the keys it is matched on."""
        return {
            "id": record.id,
            "key": record.id,
            "document": record.document,
            "folded": orjson.dumps(folded).decode(),
            "version": record.version,
            "created": record.created,
            "last_modified": record.last_modified,
        }

    def _changed(self, record: Record, resource: Mapping[str, Any]) -> Record:
        """Return the record that follows another one.

        Raises
        ------
        ScimError
            413 for one that is too long; one that was longer before may get shorter.
        """
        document = orjson.dumps(resource)
        if len(document) > RESOURCE_BYTES:
            # Whether a user is active does not count: no limit may keep one from being disabled.
            most = max(RESOURCE_BYTES, _size_but_active(orjson.loads(record.document)))
            if _size_but_active(resource) > most:
                raise self._too_long(resource, document)
        return Record(
            record.id,
            document.decode(),
            record.version + 1,
            record.created,
            max(self._clock(), record.last_modified + 1),
            record.derived,
        )

    def _new(self, resource: Mapping[str, Any]) -> Record:
        document = orjson.dumps(resource)
        if len(document) > RESOURCE_BYTES:
            raise self._too_long(resource, document)
        now = self._clock()
        return Record(new_id(), document.decode(), 1, now, now)

    def _too_long(self, resource: Mapping[str, Any], document: bytes) -> errors.ScimError:
        longest = _longest(resource)
        return errors.too_large(
            f"The {self.resource_type.name} would take {len(document)} bytes; at most"
            f" {RESOURCE_BYTES} are stored for one. Leave out or shorten some of its values; the"
            f" longest is {longest}."
        )

    async def _holder(self, column: str, value: str) -> str:
        """Say which resource has a value that must be unique."""
        rows = await self._database.fetch(self._holders[column], {"value": value})
        return f" (its id is {rows[0][0]})" if rows else ""

    async def _locked(
        self,
        transaction: Transaction,
        resource_id: str,
        expected: Precondition,
        *,
        base: str | None = None,
    ) -> Record:
        """Return a resource that nobody else changes now; with what is derived if `base` is."""
        values = {"id": resource_id, "base": base}
        rows = await transaction.fetch(self._lock[base is not None], values)
        if not rows:
            raise self._not_found(resource_id)
        record = Record(*rows[0])
        expected.check(record.version)
        return record

    def _line(
        self, origin: AuditContext, resource_id: str, attributes: Sequence[str], status: int
    ) -> Step:
        return self._log.line(
            origin,
            resource_type=self.resource_type.name,
            resource_id=resource_id,
            attributes=attributes,
            status=status,
        )


def _size_but_active(resource: Mapping[str, Any]) -> int:
    return len(orjson.dumps({name: each for name, each in resource.items() if name != "active"}))


def _longest(resource: Mapping[str, Any]) -> str:
    """Return the name of the attribute that takes the most room, of an extension with its URN."""
    name = max(resource, key=lambda each: len(orjson.dumps(resource[each])))
    return f"{name}:{_longest(resource[name])}" if ":" in name and resource[name] else name


Change: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Returns what becomes of a resource in canonical form, or raises ScimError."""
