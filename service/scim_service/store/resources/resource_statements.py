"""The statements that the tables of users and groups have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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

from scim_service.store.database.statements import Backend, Statement, compile_statement
from scim_service.store.search.source import Expression

_MEMBER_NAMES = {"ref": "$ref"}


@dataclass(frozen=True, slots=True)
class ResourceStatements:
    """Statements over one table of resources.

    Parameters
    ----------
    read, lock
        With the derived attributes, and without them.
    read_holder
        By unique column: which resource has a value.
    """

    read: Mapping[bool, Statement]
    lock: Mapping[bool, Statement]
    insert: Statement
    update: Statement
    delete: Statement
    read_holder: Mapping[str, Statement]

    @classmethod
    def compile(
        cls, table: Table, columns: Sequence[Expression], backend: Backend
    ) -> "ResourceStatements":
        """Compile them.

        Parameters
        ----------
        columns
            The fields of `Record`, the last of which is the derived attributes.
        """
        by_id = table.c.id == bindparam("id")
        queries = {True: select(*columns).where(by_id), False: select(*columns[:-1]).where(by_id)}
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in table.c}
        changeable = {
            name: value for name, value in values.items() if name not in {"id", "created"}
        }
        return cls(
            read={key: compile_statement(query, backend) for key, query in queries.items()},
            lock={
                key: compile_statement(query.with_for_update(of=table), backend)
                for key, query in queries.items()
            },
            insert=compile_statement(insert(table).values(values), backend),
            update=compile_statement(
                update(table).where(table.c.id == bindparam("key")).values(changeable), backend
            ),
            delete=compile_statement(delete(table).where(by_id), backend),
            read_holder={
                column.name: compile_statement(
                    select(table.c.id).where(column == bindparam("value")), backend
                )
                for column in table.c
                if column.unique
            },
        )


def record_columns(table: Table, derived: Expression) -> tuple[Expression, ...]:
    """Return the columns of `Record`."""
    return (
        table.c.id,
        table.c.document,
        table.c.version,
        table.c.created,
        table.c.last_modified,
        derived,
    )


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
    with_display = [*pairs, literal_column("'display'"), display]
    if backend == "sqlite":
        each: Expression = case(
            (display.is_(None), func.json_object(*pairs)), else_=func.json_object(*with_display)
        )
        # SQLite takes the result of CASE for text, not for JSON.
        aggregate: Expression = func.json_group_array(func.json(each))
    else:
        each = func.json_strip_nulls(func.json_build_object(*with_display))
        aggregate = cast(func.json_agg(each), Text())
    return rows.with_only_columns(aggregate).scalar_subquery()
