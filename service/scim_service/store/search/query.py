"""Queries: a filter, an order and a page, as one or two statements cached by their shape."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from sqlalchemy import BigInteger, Text, and_, bindparam, func, or_, select
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import Select

from scim_service.scim.filter.shape import split_literals
from scim_service.scim.filter.tree import Filter, Value
from scim_service.scim.paging import Position
from scim_service.scim.sorting import Sort
from scim_service.store.database.database import Database, Reach
from scim_service.store.database.statements import (
    Row,
    Statement,
    Values,
    compile_statement,
    text_length,
)
from scim_service.store.record import Record
from scim_service.store.search.source import Expression, Source
from scim_service.store.search.sql_filter import ConditionBuilder, is_selective
from scim_service.worker import INLINE, Worker

STATEMENTS = 512
"""The number of compiled shapes of queries in the cache."""

PAGE_ROWS = 200
"""The longest page that is read in the event loop, in rows with those skipped before it."""

_CACHED_LENGTH = 1024
"""The longest shape of a filter that is compiled in the event loop, and cached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A request for a page of resources.

    Parameters
    ----------
    filter
        A resolved filter, None for all resources.
    offset
        The number of results before the page.
    after
        The sort keys after which the page starts: the sort value (if there is a `sort`) and the
        id. They replace the offset.
    with_derived
        Whether to return the attributes that are derived from other rows.
    most
        The maximum of characters in the rows; a single row may have more.
    """

    filter: Filter | None = None
    sort: Sort | None = None
    offset: int = 0
    count: int = 100
    after: Position | None = None
    with_derived: bool = True
    most: int = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundPage:
    """One page of the resources that a query finds.

    Parameters
    ----------
    records
        The resources; fewer than asked for where they have much text.
    total
        The number of all results.
    more
        Whether results follow after the page.
    positions
        The sort keys of the records.
    """

    records: Sequence[Record]
    total: int
    more: bool
    positions: Sequence[tuple[Any, ...]]

    @property
    def next(self) -> tuple[Any, ...] | None:
        """The sort keys after which the next page starts, None for the last page."""
        return self.positions[-1] if self.more else None


@dataclass(frozen=True, slots=True)
class _Plan:
    page: Statement
    total: Statement
    parameters: Callable[[tuple[Value, ...]], dict[str, Any]]
    reach: Reach


class Finder:
    """Finds the rows of one table.

    Parameters
    ----------
    columns
        The fields of `Record`, the last of which is the derived attributes.
    derived_reach
        The reach of a query without a filter that selects the derived attributes.
    number
        The number of rows.
    """

    def __init__(
        self,
        database: Database,
        worker: Worker,
        source: Source,
        columns: Sequence[Expression],
        *,
        derived_reach: Reach,
        number: Expression,
    ) -> None:
        self._number = number
        self._database = database
        self._worker = worker
        self._source = source
        self._columns = columns
        self._derived_reach = derived_reach
        self._plan = lru_cache(maxsize=STATEMENTS)(self._compile_plan)

    async def find(self, query: Query, values: Values) -> FoundPage:
        """Return a page.

        Parameters
        ----------
        values
            The parameters of the columns.

        Raises
        ------
        ScimError
            invalidFilter: the filter names an attribute that is not stored.
        """
        shape, literals = (None, ()) if query.filter is None else split_literals(query.filter)
        keyed = _Shape(shape, query)
        if len(keyed.text) <= _CACHED_LENGTH:
            plan = self._plan(keyed)
        else:
            # Compiling takes long, and a client can invent any number of such filters.
            size = INLINE + len(keyed.text)
            plan = await self._worker.run(size, partial(self._compile_plan, keyed))
        values = {**values, **plan.parameters(literals)}
        after = query.after
        if after is not None:
            values = {**values, "after_id": after[-1], "after_value": after[0]}
        reach = plan.reach
        passed = query.offset if after is None else 0
        if reach == "rows" and passed + query.count > PAGE_ROWS:
            reach = "page"
        rows: Sequence[Row] = ()
        more = False
        if query.count > 0:
            # One row more than the page shows whether results follow after it.
            page = {**values, "limit": query.count + 1, "offset": query.offset}
            found = await self._database.fetch_page(plan.page, page, most=query.most, reach=reach)
            rows = _cut_to_size(found[: query.count], query.most)
            more = len(found) > len(rows)
        if more or not rows or (after is not None and not query.offset):
            total = int((await self._database.fetch(plan.total, values, reach=plan.reach))[0][0])
        else:
            total = query.offset + len(rows)
        width = len(self._columns) if query.with_derived else len(self._columns) - 1
        records = [Record(*row[:width]) for row in rows]
        return FoundPage(records, total, more, [_sort_keys(query, row) for row in rows])

    def _compile_plan(self, shape: "_Shape") -> _Plan:
        query = shape.query
        source = self._source
        backend = self._database.backend
        columns = self._columns if query.with_derived else self._columns[:-1]
        page: Select[Any] = select(*columns)
        total: Select[Any] = select(self._number)
        conditions = ConditionBuilder(source, backend)
        if query.filter is not None:
            condition = conditions.condition(query.filter)
            page = page.where(condition)
            total = select(func.count()).select_from(source.table).where(condition)
        page = self._order(page, query)
        page = page.limit(bindparam("limit", type_=BigInteger()))
        if query.after is None:
            page = page.offset(bindparam("offset", type_=BigInteger()))
        return _Plan(
            compile_statement(page, backend),
            compile_statement(total, backend),
            conditions.parameters,
            self._reach(query),
        )

    def _reach(self, query: Query) -> Reach:
        if query.sort is not None:
            return "table"
        if query.filter is None:
            return self._derived_reach if query.with_derived else "rows"
        return "rows" if is_selective(query.filter, self._source) else "table"

    def _order(self, page: Select[Any], query: Query) -> Select[Any]:
        key = self._source.id
        after_id = bindparam("after_id", type_=Text())
        if query.sort is None:
            if query.after is not None:
                page = page.where(key > after_id)
            return page.order_by(key)
        conditions = ConditionBuilder(self._source, self._database.backend)
        value, kind = conditions.sort_value(query.sort.path)
        page = page.add_columns(value.label("sort_value"))
        descending = query.sort.descending
        if query.after is not None:
            following = key > after_id
            wanted = bindparam("after_value", type_=kind)
            page = page.where(
                _is_after(value, query.after[0], wanted, following, descending=descending)
            )
        # Stated, because SQLite and PostgreSQL place nulls differently.
        ordered = value.desc().nulls_first() if descending else value.asc().nulls_last()
        return page.order_by(ordered, key)


def _is_after(
    value: Expression,
    last: object,
    wanted: Expression,
    following: ColumnElement[bool],
    *,
    descending: bool,
) -> ColumnElement[bool]:
    if last is None:
        within = and_(value.is_(None), following)
        return or_(within, value.is_not(None)) if descending else within
    within = and_(value == wanted, following)
    if descending:
        return or_(value < wanted, within)
    return or_(value > wanted, within, value.is_(None))


def _cut_to_size(rows: Sequence[Row], most: int) -> Sequence[Row]:
    """Return the first rows that have at most this many characters together, at least one row."""
    if len(rows) < 2:
        return rows
    length = 0
    for index, row in enumerate(rows):
        length += text_length(row)
        if length > most and index > 0:
            return rows[:index]
    return rows


def _sort_keys(query: Query, row: Row) -> tuple[Any, ...]:
    return (row[0],) if query.sort is None else (row[-1], row[0])


class _Shape:
    """The part of a query that its statements depend on, with the query to compile them from."""

    __slots__ = ("_key", "query", "text")

    def __init__(self, filter_shape: str | None, query: Query) -> None:
        self.query = query
        self.text = filter_shape or ""
        after = query.after
        self._key = (
            filter_shape,
            query.sort,
            query.with_derived,
            after is not None,
            after is not None and after[0] is None,
        )

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self._key == other._key
