"""The provisioning log, the counters and the moments: what the tenant's status is made of."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

from sqlalchemy import (
    BigInteger,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.sql.elements import ColumnElement

from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.database.database import (
    Backend,
    Database,
    DatabaseError,
    Statement,
    Transaction,
    Values,
    compile_statement,
    upsert,
)
from scim_service.store.tables import (
    Activity,
    CounterSlot,
    HourlyCounter,
    LastTime,
    LoggedRefusal,
    Secret,
    table,
)

HOUR = 3600 * 1_000_000
TEXT_CHARACTERS = 200
"""The longest text in a line of the log; nothing that belongs there is longer."""

_SLOTS = {"sqlite": 1, "postgresql": 16}
_PRUNE_ROWS = 2_000
"""How many rows one transaction removes at most, so that writers do not wait for it."""

Step: TypeAlias = tuple[Statement, Values]

Hours: TypeAlias = Mapping[tuple[str, int], int]
"""How often something happened in an hour, by its name and the hour since 1970."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Lines:
    """The statements over one table of lines."""

    columns: tuple[str, ...]
    insert: Statement
    recent: Statement
    of_request: Statement
    newest: Statement
    prune: Statement

    @classmethod
    def of(cls, lines: Table, backend: Backend) -> "_Lines":
        """Compile them."""
        columns = [column for column in lines.c if column.name != "id"]
        first = select(func.min(lines.c.id)).scalar_subquery()
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in columns}
        request = bindparam("request", type_=Text())
        recent = (
            select(*columns)
            .order_by(lines.c.at.desc(), lines.c.id.desc())
            .limit(bindparam("limit", type_=Integer()))
        )
        return cls(
            tuple(values),
            compile_statement(insert(lines).inline().values(values), backend),
            compile_statement(recent, backend),
            compile_statement(
                recent.where((lines.c.request_id == request) | (lines.c.edge_id == request)),
                backend,
            ),
            compile_statement(select(func.max(lines.c.id)), backend),
            compile_statement(
                delete(lines).where(
                    lines.c.id < first + _PRUNE_ROWS,
                    (lines.c.at < bindparam("before", type_=BigInteger()))
                    | (lines.c.id <= bindparam("below", type_=BigInteger())),
                ),
                backend,
            ),
        )


def _adding(counters: Table, part: str, backend: Backend) -> Statement:
    """Return the statement that adds an amount to a counter, which has a row for each `part`."""
    names = ("name", part, "amount")
    added = upsert(counters, backend).values(**{name: bindparam(name) for name in names})
    return compile_statement(
        added.on_conflict_do_update(
            index_elements=[counters.c.name, counters.c[part]],
            set_={"amount": counters.c.amount + added.excluded.amount},
        ),
        backend,
    )


class ActivityLog:
    """The tables that say what happened."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        backend = database.backend
        self._slots = _SLOTS[backend]
        self._writes = _Lines.of(table(Activity), backend)
        self._refusals = _Lines.of(table(LoggedRefusal), backend)
        tally, moment, secret = table(CounterSlot), table(LastTime), table(Secret)

        self._count = _adding(tally, "slot", backend)
        self._amount = compile_statement(
            select(func.coalesce(func.sum(tally.c.amount), 0)).where(
                tally.c.name == bindparam("name")
            ),
            backend,
        )
        self._amounts = compile_statement(
            select(tally.c.name, func.sum(tally.c.amount)).group_by(tally.c.name), backend
        )
        self._compile_hourly(backend)
        noted = upsert(moment, backend).values(name=bindparam("name"), at=bindparam("at"))
        self._note = compile_statement(
            noted.on_conflict_do_update(
                index_elements=[moment.c.name],
                set_={"at": noted.excluded.at},
                where=moment.c.at < noted.excluded.at,
            ),
            backend,
        )
        self._moments = compile_statement(select(moment.c.name, moment.c.at), backend)
        self._keep_secret = compile_statement(
            upsert(secret, backend)
            .values(name=bindparam("name"), value=bindparam("value"))
            .on_conflict_do_nothing(),
            backend,
        )
        self._secret = compile_statement(
            select(secret.c.value).where(secret.c.name == bindparam("name")), backend
        )

    def _compile_hourly(self, backend: Backend) -> None:
        hourly = table(HourlyCounter)
        self._add_hourly = _adding(hourly, "hour", backend)
        since = bindparam("since", type_=Integer())
        self._sum_hourly = compile_statement(
            select(hourly.c.name, func.sum(hourly.c.amount))
            .where(hourly.c.hour >= since)
            .group_by(hourly.c.name),
            backend,
        )
        self._prune_hourly = compile_statement(delete(hourly).where(hourly.c.hour < since), backend)

    def line(
        self,
        origin: AuditContext,
        *,
        resource_type: str | None,
        resource_id: str | None,
        attributes: Sequence[str] = (),
        status: int,
        scim_type: str | None = None,
        reason: str | None = None,
    ) -> Step:
        """Return the step that writes a line: among the refusals, or among the writes."""
        lines = self._writes if status < 400 else self._refusals
        return lines.insert, {
            "at": self._clock(),
            "token_id": origin.token_id,
            "request_id": origin.request_id,
            "operation": origin.operation,
            "resource_type": resource_type,
            "resource_id": resource_id,
            "attributes": ",".join(attributes),
            "status": status,
            "scim_type": scim_type,
            "duration_us": int((perf_counter() - origin.started) * 1_000_000),
            "edge_id": origin.edge_id,
            "source": origin.source,
            "agent": origin.agent,
            "reason": reason,
        }

    def count(self, name: str, amount: int) -> Step:
        """Return the step that adds to a counter."""
        slot = random.randrange(self._slots)  # noqa: S311
        return self._count, {"name": name, "slot": slot, "amount": amount}

    def sum_of(self, names: Sequence[str]) -> ColumnElement[int]:
        """Return the sum of counters, for a query."""
        tally = table(CounterSlot)
        added = select(func.coalesce(func.sum(tally.c.amount), 0))
        return added.where(tally.c.name.in_(map(literal, names))).scalar_subquery()

    async def amount(self, transaction: Transaction, name: str) -> int:
        """Return a counter as it is inside of a transaction."""
        return int((await transaction.fetch(self._amount, {"name": name}))[0][0])

    async def amounts(self) -> dict[str, int]:
        """Return all counters."""
        return {name: int(amount) for name, amount in await self._database.fetch(self._amounts, {})}

    async def hourly(self, since: int) -> dict[str, int]:
        """Return how often things happened in an hour (since 1970) and those after it."""
        rows = await self._database.fetch(self._sum_hourly, {"since": since})
        return {name: int(amount) for name, amount in rows}

    async def recent(
        self, *, limit: int, refused: bool, request: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest lines, the newest first: all, or those of refusals.

        Parameters
        ----------
        request
            Only the lines of this request, by its id or that of the edge; no index leads to them.
        """
        found: list[dict[str, Any]] = []
        values = {"limit": limit, "request": request}
        for lines in (self._refusals,) if refused else (self._writes, self._refusals):
            if request is None:
                rows = await self._database.fetch(lines.recent, values)
            else:
                rows = await self._database.fetch(lines.of_request, values, reach="table")
            found += (dict(zip(lines.columns, row, strict=True)) for row in rows)
        # Refusals are written later than they happen.
        found.sort(key=lambda line: line["at"], reverse=True)
        return found[:limit]

    async def moments(self) -> dict[str, int]:
        """Return when things last happened."""
        return dict(map(tuple, await self._database.fetch(self._moments, {})))

    async def save(self, lines: Sequence[Step], moments: Mapping[str, int], hours: Hours) -> None:
        """Write what was gathered in memory; nothing that can be written is lost.

        Raises
        ------
        DatabaseError
            Nothing was written.
        """
        try:
            await self._save(lines, moments, hours)
        except DatabaseError:
            raise
        except Exception as error:
            # One line that the database does not take would take all the others with it.
            _logger.warning("a line of the log is stored in a cleaned form: %s", type(error))
            cleaned = [(insertion, _clean_line(values)) for insertion, values in lines]
            await self._save(cleaned, moments, hours)

    async def _save(self, lines: Sequence[Step], moments: Mapping[str, int], hours: Hours) -> None:
        async with self._database.transaction() as transaction:
            for insertion, values in lines:
                await transaction.execute(insertion, values)
            for name, at in sorted(moments.items()):
                await transaction.execute(self._note, {"name": name, "at": at})
            for (name, hour), amount in sorted(hours.items()):
                values = {"name": name, "hour": hour, "amount": amount}
                await transaction.execute(self._add_hourly, values)

    async def prune(self, *, before: int, writes: int, refusals: int) -> None:
        """Remove the lines that are older than a moment, and all but the newest of each kind."""
        for lines, keep in ((self._writes, writes), (self._refusals, refusals)):
            newest = (await self._database.fetch(lines.newest, {}))[0][0]
            removed = 0 if newest is None else 1
            while removed:
                values = {"before": before, "below": newest - keep}
                async with self._database.transaction(long=True) as transaction:
                    removed = await transaction.execute(lines.prune, values)
        await self._database.write((self._prune_hourly, {"since": before // HOUR}))

    async def secret(self, name: str, proposed: str) -> str:
        """Return a value that all replicas share: the first one proposed."""
        await self._database.write((self._keep_secret, {"name": name, "value": proposed}))
        value: str = (await self._database.fetch(self._secret, {"name": name}))[0][0]
        return value


def _clean_line(line: Values) -> Values:
    """Return a line that every database can store, and that is no longer than lines are."""
    return {
        name: _clean(value) if isinstance(value, str) else value for name, value in line.items()
    }


def _clean(text: str) -> str:
    return "".join(each if " " <= each <= "~" else "?" for each in text[:TEXT_CHARACTERS])
