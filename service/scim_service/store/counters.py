"""Counters: the numbers of users and groups, and of what happens within an hour."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Integer, Table, bindparam, delete, func, literal, select
from sqlalchemy.sql.elements import ColumnElement

from scim_service.store.database.database import Database, Transaction
from scim_service.store.database.statements import (
    Backend,
    Statement,
    Step,
    compile_statement,
    upsert,
)
from scim_service.store.tables import CounterSlot, HourlyCounter, table

_SLOTS = {"sqlite": 1, "postgresql": 16}
"""The rows of a counter. On PostgreSQL, writers would queue for a single one."""


def _compile_increment(counters: Table, part: str, backend: Backend) -> Statement:
    """Compile the addition to a counter that has one row for each value of the column `part`."""
    names = ("name", part, "amount")
    added = upsert(counters, backend).values(**{name: bindparam(name) for name in names})
    return compile_statement(
        added.on_conflict_do_update(
            index_elements=[counters.c.name, counters.c[part]],
            set_={"amount": counters.c.amount + added.excluded.amount},
        ),
        backend,
    )


@dataclass(frozen=True, slots=True)
class _CounterStatements:
    add: Statement
    read_one: Statement
    read_all: Statement

    @classmethod
    def compile(cls, backend: Backend) -> "_CounterStatements":
        slots = table(CounterSlot)
        return cls(
            add=_compile_increment(slots, "slot", backend),
            read_one=compile_statement(
                select(func.coalesce(func.sum(slots.c.amount), 0)).where(
                    slots.c.name == bindparam("name")
                ),
                backend,
            ),
            read_all=compile_statement(
                select(slots.c.name, func.sum(slots.c.amount)).group_by(slots.c.name), backend
            ),
        )


class Counters:
    """The numbers of resources, counted when they are created and deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slots = _SLOTS[database.backend]
        self._statements = _CounterStatements.compile(database.backend)

    def add(self, name: str, amount: int) -> Step:
        """Return the step that adds to a counter."""
        slot = random.randrange(self._slots)  # noqa: S311
        return self._statements.add, {"name": name, "slot": slot, "amount": amount}

    def sum_of(self, names: Sequence[str]) -> ColumnElement[int]:
        """Return the sum of counters, as an expression for a query."""
        slots = table(CounterSlot)
        added = select(func.coalesce(func.sum(slots.c.amount), 0))
        return added.where(slots.c.name.in_(map(literal, names))).scalar_subquery()

    async def read(self, transaction: Transaction, name: str) -> int:
        """Return a counter as a transaction sees it."""
        return int((await transaction.fetch(self._statements.read_one, {"name": name}))[0][0])

    async def read_all(self) -> dict[str, int]:
        """Return all counters by name."""
        rows = await self._database.fetch(self._statements.read_all, {})
        return {name: int(amount) for name, amount in rows}


@dataclass(frozen=True, slots=True)
class _HourlyStatements:
    add: Statement
    sum: Statement
    prune: Statement

    @classmethod
    def compile(cls, backend: Backend) -> "_HourlyStatements":
        hourly = table(HourlyCounter)
        since = bindparam("since", type_=Integer())
        return cls(
            add=_compile_increment(hourly, "hour", backend),
            sum=compile_statement(
                select(hourly.c.name, func.sum(hourly.c.amount))
                .where(hourly.c.hour >= since)
                .group_by(hourly.c.name),
                backend,
            ),
            prune=compile_statement(delete(hourly).where(hourly.c.hour < since), backend),
        )


class HourlyCounters:
    """How often events happened, by hours since 1970."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statements = _HourlyStatements.compile(database.backend)

    def add(self, name: str, hour: int, amount: int) -> Step:
        """Return the step that adds to the counter of an hour."""
        return self._statements.add, {"name": name, "hour": hour, "amount": amount}

    async def sum_since(self, hour: int) -> dict[str, int]:
        """Return the sums of an hour and all later ones, by name."""
        rows = await self._database.fetch(self._statements.sum, {"since": hour})
        return {name: int(amount) for name, amount in rows}

    async def prune(self, *, before: int) -> None:
        """Remove the counters of the hours before one."""
        await self._database.write((self._statements.prune, {"since": before}))
