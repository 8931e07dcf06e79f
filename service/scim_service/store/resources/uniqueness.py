"""``uniqueness`` of the attributes of a tenant's extensions: no value is given to a second user.

The values are looked up in the folded documents, by indexes that are made when a tenant with such
attributes is put into service: nothing can disagree with the documents, and nothing is to be
migrated. What was there before the rule stays, and keeps nobody from another change
(docs/decisions/0020-values-of-one-user-only.md).
"""

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, column, func, literal_column, select, true

from scim_service.scim import errors
from scim_service.scim.attribute_path import AttributePath
from scim_service.scim.filter.evaluator import find_values
from scim_service.scim.schemas.attribute import Attribute
from scim_service.scim.schemas.resource_type import ResourceType
from scim_service.store.database.database import Database, Transaction
from scim_service.store.database.errors import DatabaseError
from scim_service.store.database.statements import Backend, Statement, compile_statement
from scim_service.store.search.sql_filter import locate
from scim_service.store.tables import User, table

_PREFIX = "own_unique_"
"""What the names of the indexes begin with; no index of the program's revisions is called so."""

_LOCKS = 0x5C1C
"""The first key of the advisory locks on PostgreSQL; the second one stands for the value."""

_NAMED = 5
"""How many pairs of users a warning names."""

_INDEXES = {
    "sqlite": "select name from sqlite_schema where type = 'index' and tbl_name = 'scim_user'",
    "postgresql": "select indexname from pg_indexes"
    " where tablename = 'scim_user' and schemaname = current_schema()",
}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "reference": (str,),
    "binary": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "decimal": (int, float),
    "dateTime": (int,),
}
"""What the folded values of a type are."""

_USER = table(User)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One attribute whose values are unique, and its statements.

    `index` is the name of the index that leads to a value; elements of a list have none.
    """

    path: AttributePath
    index: str | None
    make_index: Statement | None
    holder: Statement
    shared: Statement

    @classmethod
    def of(cls, path: AttributePath, backend: Backend) -> "_Rule":
        """Compile them."""
        found = locate(_USER.c.folded, path, backend)
        # A join with the elements of the row itself.
        rows = _USER if found.rows is None else _USER.join(found.rows, true())
        index, make_index = None, None
        if found.rows is None:
            index = _PREFIX + hashlib.sha256(str(path).lower().encode()).hexdigest()[:16]
            make_index = _creation(index, path, backend)
        return cls(
            path,
            index,
            make_index,
            compile_statement(
                select(_USER.c.id)
                .where(found.equals("value"), _USER.c.id != bindparam("id", type_=Text()))
                .limit(literal_column("1")),
                backend,
            ),
            compile_statement(
                select(found.value, func.min(_USER.c.id), func.max(_USER.c.id))
                .select_from(rows)
                .where(found.value.is_not(None))
                .group_by(found.value)
                .having(func.min(_USER.c.id) != func.max(_USER.c.id)),
                backend,
            ),
        )


class Uniqueness:
    """The rules of one tenant; without unique attributes it costs nothing."""

    def __init__(self, database: Database, resource_type: ResourceType) -> None:
        self._database = database
        backend = database.backend
        self._rules = tuple(_Rule.of(path, backend) for path in _unique_paths(resource_type))
        # The elements of lists are looked for in all users, which must not hold up the event loop.
        self.long = any(rule.index is None for rule in self._rules)
        self._lock: Statement | None = None
        if backend == "postgresql":
            key = func.hashtext(bindparam("key", type_=Text()))
            lock = func.pg_advisory_xact_lock(literal_column(str(_LOCKS)), key)
            self._lock = compile_statement(select(lock), backend)

    def concerns(self, folded: Mapping[str, Any]) -> bool:
        """Whether a user has a value that must be unique."""
        return any(True for rule in self._rules for _ in _values(rule.path, folded))

    async def check(
        self,
        transaction: Transaction,
        user_id: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Refuse a value that a user gets and another one has; both in the folded form.

        It comes before any other lock of values in the transaction, so that none waits in a circle.

        Raises
        ------
        ScimError
            409 uniqueness.
        """
        come = sorted(
            (
                (index, value)
                for index, rule in enumerate(self._rules)
                for value in _values(rule.path, after) - _values(rule.path, before)
            ),
            key=repr,
        )
        for index, value in come:
            rule = self._rules[index]
            if self._lock is not None:
                await transaction.fetch(self._lock, {"key": f"{rule.path}={value!r}"})
            rows = await transaction.fetch(rule.holder, {"value": value, "id": user_id})
            if rows:
                raise errors.uniqueness(
                    f"There is already a user with this value of {rule.path} (its id is"
                    f" {rows[0][0]}), and the schema of the tenant has each value once only"
                    " (uniqueness). Correct the value in Entra, or map another attribute to it."
                )

    async def prepare(self) -> None:
        """Make the indexes that are missing, remove those of former rules, tell of shared values.

        Nothing of this keeps the tenant from being served: without an index, checks take longer.
        """
        try:
            await self._make_indexes()
            for rule in self._rules:
                await self._tell_shared(rule)
        except Exception as error:
            # The text of an error that is not ours may have what nobody is to read.
            reason = error if isinstance(error, DatabaseError) else type(error).__name__
            _logger.warning(
                "the indexes of unique attributes cannot be made, so checks take longer: %s; the"
                " user of the database must own its tables",
                reason,
            )

    async def _make_indexes(self) -> None:
        wanted = {rule.index: rule.make_index for rule in self._rules if rule.make_index}
        rows = await self._database.fetch(Statement(_INDEXES[self._database.backend], (), {}), {})
        present = {row[0] for row in rows if row[0].startswith(_PREFIX)}
        obsolete = [
            Statement(f"drop index if exists {each}", (), {}) for each in present - {*wanted}
        ]
        missing = [make for name, make in wanted.items() if name not in present]
        for statement in (*obsolete, *missing):
            async with self._database.transaction(long=True) as transaction:
                if self._lock is not None:
                    await transaction.fetch(self._lock, {"key": _PREFIX})
                await transaction.fetch(statement, {})

    async def _tell_shared(self, rule: _Rule) -> None:
        rows = await self._database.fetch(rule.shared, {}, reach="table")
        pairs = [f"{first} and {last}" for value, first, last in rows if value != ""]
        if pairs:
            _logger.warning(
                "%d values of %s belong to more than one user each, from before they had to be"
                " unique; these users stay as they are, correct them in Entra: %s%s",
                len(pairs),
                rule.path,
                "; ".join(pairs[:_NAMED]),
                "; ..." if len(pairs) > _NAMED else "",
            )


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Remove the indexes from the copy of a database, whose tenant may have other rules."""
    rows = connection.execute(_INDEXES["sqlite"]).fetchall()
    for (name,) in rows:
        if name.startswith(_PREFIX):
            quoted = name.replace('"', '""')
            connection.execute(f'drop index "{quoted}"')


def _unique_paths(resource_type: ResourceType) -> Iterator[AttributePath]:
    for extension in resource_type.extensions:
        for attribute in extension.attributes:
            if _is_unique(attribute):
                yield AttributePath(extension.id, attribute.name, None, attribute)
            for sub in attribute.sub_attributes:
                if _is_unique(sub):
                    yield AttributePath(extension.id, attribute.name, sub.name, attribute, sub)


def _is_unique(attribute: Attribute) -> bool:
    return attribute.uniqueness != "none" and attribute.type != "complex"


def _values(path: AttributePath, folded: Mapping[str, Any]) -> set[Any]:
    """Return the values at a path; an empty text is none, nor is what is no single value."""
    values: set[Any] = {
        value
        for value in find_values(path, folded)
        if isinstance(value, _TYPES[path.leaf.type]) and value != ""
    }
    return {float(value) for value in values} if path.leaf.type == "decimal" else values


def _creation(index: str, path: AttributePath, backend: Backend) -> Statement:
    # The columns of an index's expression are named without their table.
    value = locate(column("folded", _USER.c.folded.type), path, backend).value
    expression = compile_statement(value, backend).sql
    # A B-tree of PostgreSQL takes no long texts.
    made_of = f"({expression})" if backend == "sqlite" else f"using hash (({expression}))"
    return Statement(f"create index if not exists {index} on scim_user {made_of}", (), {})
