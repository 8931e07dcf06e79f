"""``uniqueness`` of a tenant's extension attributes: no second user gets the same value.

The values are looked up in the search forms of users, by indexes that are created when the tenant
starts. So nothing can disagree with the documents, and nothing has to be migrated. Values from
before the rule stay, and do not prevent other changes of their users
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
from scim_service.store.search.documents import locate_values
from scim_service.store.tables import User, table

_PREFIX = "own_unique_"
"""The prefix of the indexes' names; no index of a migration has it."""

_LOCKS = 0x5C1C
"""The first key of the advisory locks on PostgreSQL; the second one is a hash of the value."""

_NAMED = 5
"""The most pairs of users that a warning names."""

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
"""The Python types of an attribute type's search form."""

_USER = table(User)
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One attribute whose values are unique, and its statements.

    Parameters
    ----------
    index
        The name of the index over the values; None for the elements of a list.
    find_holder
        Find another user with a value.
    find_shared
        Find the values that several users have.
    """

    path: AttributePath
    index: str | None
    create_index: Statement | None
    find_holder: Statement
    find_shared: Statement

    @classmethod
    def compile(cls, path: AttributePath, backend: Backend) -> "_Rule":
        """Compile the statements of a rule."""
        stored = locate_values(_USER.c.folded, path, backend)
        # A list is joined with the elements of its own row.
        rows = _USER if stored.rows is None else _USER.join(stored.rows, true())
        index, create_index = None, None
        if stored.rows is None:
            index = _PREFIX + hashlib.sha256(str(path).lower().encode()).hexdigest()[:16]
            create_index = _index_creation(index, path, backend)
        holder = select(_USER.c.id).where(
            stored.equals("value"), _USER.c.id != bindparam("id", type_=Text())
        )
        shared = (
            select(stored.value, func.min(_USER.c.id), func.max(_USER.c.id))
            .select_from(rows)
            .where(stored.value.is_not(None))
            .group_by(stored.value)
            .having(func.min(_USER.c.id) != func.max(_USER.c.id))
        )
        return cls(
            path,
            index,
            create_index,
            find_holder=compile_statement(holder.limit(literal_column("1")), backend),
            find_shared=compile_statement(shared, backend),
        )


class Uniqueness:
    """The rules of one tenant; without unique attributes they cost nothing."""

    def __init__(self, database: Database, resource_type: ResourceType) -> None:
        self._database = database
        backend = database.backend
        self._rules = tuple(_Rule.compile(path, backend) for path in _unique_paths(resource_type))
        # Elements of lists are searched in all users, which must not block the event loop.
        self.long = any(rule.index is None for rule in self._rules)
        self._lock: Statement | None = None
        if backend == "postgresql":
            key = func.hashtext(bindparam("key", type_=Text()))
            lock = func.pg_advisory_xact_lock(literal_column(str(_LOCKS)), key)
            self._lock = compile_statement(select(lock), backend)

    def applies_to(self, search_form: Mapping[str, Any]) -> bool:
        """Whether a user has a value that must be unique."""
        return any(_unique_values(rule.path, search_form) for rule in self._rules)

    async def check(
        self,
        transaction: Transaction,
        user_id: str,
        before: Mapping[str, Any],
        after: Mapping[str, Any],
    ) -> None:
        """Check that no other user has a value that a user gets.

        It must precede all other locks of values in the transaction, or two transactions could
        wait for each other.

        Parameters
        ----------
        before, after
            The user's search forms.

        Raises
        ------
        ScimError
            409 uniqueness.
        """
        added = sorted(
            (
                (index, value)
                for index, rule in enumerate(self._rules)
                for value in _unique_values(rule.path, after) - _unique_values(rule.path, before)
            ),
            key=repr,
        )
        for index, value in added:
            rule = self._rules[index]
            if self._lock is not None:
                await transaction.fetch(self._lock, {"key": f"{rule.path}={value!r}"})
            rows = await transaction.fetch(rule.find_holder, {"value": value, "id": user_id})
            if rows:
                raise errors.uniqueness(
                    f"There is already a user with this value of {rule.path} (its id is"
                    f" {rows[0][0]}), and the schema of the tenant has each value once only"
                    " (uniqueness). Correct the value in Entra, or map another attribute to it."
                )

    async def prepare(self) -> None:
        """Create missing indexes, remove those of former rules, and log shared values.

        A failure does not stop the tenant: without an index, checks take longer.
        """
        try:
            await self._create_indexes()
            for rule in self._rules:
                await self._log_shared_values(rule)
        except Exception as error:
            # The text of another library's error may contain secret values.
            reason = error if isinstance(error, DatabaseError) else type(error).__name__
            _logger.warning(
                "the indexes of unique attributes cannot be created, so checks take longer: %s; the"
                " user of the database must own its tables",
                reason,
            )

    async def _create_indexes(self) -> None:
        desired = {rule.index: rule.create_index for rule in self._rules if rule.create_index}
        rows = await self._database.fetch(Statement(_INDEXES[self._database.backend], (), {}), {})
        present = {row[0] for row in rows if row[0].startswith(_PREFIX)}
        obsolete = [
            Statement(f"drop index if exists {each}", (), {}) for each in present - {*desired}
        ]
        missing = [creation for name, creation in desired.items() if name not in present]
        for statement in (*obsolete, *missing):
            async with self._database.transaction(long=True) as transaction:
                if self._lock is not None:
                    await transaction.fetch(self._lock, {"key": _PREFIX})
                await transaction.fetch(statement, {})

    async def _log_shared_values(self, rule: _Rule) -> None:
        rows = await self._database.fetch(rule.find_shared, {}, reach="table")
        pairs = [f"{first} and {last}" for value, first, last in rows if value != ""]
        if pairs:
            _logger.warning(
                "%d values of %s belong to more than one user each, from before they had to be"
                " unique; these users stay unchanged, correct them in Entra: %s%s",
                len(pairs),
                rule.path,
                "; ".join(pairs[:_NAMED]),
                "; ..." if len(pairs) > _NAMED else "",
            )


def drop_indexes(connection: sqlite3.Connection) -> None:
    """Remove the indexes from a copy of a database, whose next tenant may have other rules."""
    rows = connection.execute(_INDEXES["sqlite"]).fetchall()
    for (name,) in rows:
        if name.startswith(_PREFIX):
            quoted = name.replace('"', '""')
            connection.execute(f'drop index "{quoted}"')


def _unique_paths(resource_type: ResourceType) -> Iterator[AttributePath]:
    for extension in resource_type.extensions:
        for attribute in extension.attributes:
            paths = _paths_of(extension.id, attribute)
            yield from (path for path in paths if _is_unique(path.leaf))


def _paths_of(schema: str, attribute: Attribute) -> Iterator[AttributePath]:
    """Return the paths of an attribute and of its sub-attributes."""
    yield AttributePath(schema, attribute.name, None, attribute)
    for sub in attribute.sub_attributes:
        yield AttributePath(schema, attribute.name, sub.name, attribute, sub)


def _is_unique(attribute: Attribute) -> bool:
    return attribute.uniqueness != "none" and attribute.type != "complex"


def _unique_values(path: AttributePath, search_form: Mapping[str, Any]) -> set[Any]:
    """Return the values at a path, without empty texts and values of another type."""
    values: set[Any] = {
        value
        for value in find_values(path, search_form)
        if isinstance(value, _TYPES[path.leaf.type]) and value != ""
    }
    return {float(value) for value in values} if path.leaf.type == "decimal" else values


def _index_creation(index: str, path: AttributePath, backend: Backend) -> Statement:
    # An index's expression names its columns without their table.
    value = locate_values(column("folded", _USER.c.folded.type), path, backend).value
    expression = compile_statement(value, backend).sql
    # PostgreSQL's B-trees do not accept long texts.
    indexed = f"({expression})" if backend == "sqlite" else f"using hash (({expression}))"
    return Statement(f"create index if not exists {index} on scim_user {indexed}", (), {})
