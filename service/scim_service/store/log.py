"""The provisioning log, the counters and the moments: what the tenant's status is made of."""

import random
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, bindparam, cast, delete, func, insert, select

from scim_service.store.database import (
    Database,
    Statement,
    Transaction,
    Values,
    compile_statement,
    upsert,
)
from scim_service.store.records import Clock, Origin
from scim_service.store.tables import Activity, Moment, Secret, Tally, table

_SLOTS = {"sqlite": 1, "postgresql": 16}
_PRUNE_ROWS = 10_000
"""How many rows one transaction removes at most, so that writers do not wait for it."""


class Log:
    """The tables that say what happened."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        backend = database.backend
        activity, tally, moment = table(Activity), table(Tally), table(Moment)
        self._slots = _SLOTS[backend]

        columns = [column for column in activity.c if column.name != "id"]
        self._insert = compile_statement(
            insert(activity)
            .inline()
            .values({column.name: bindparam(column.name) for column in columns}),
            backend,
        )
        counted = upsert(tally, backend).values(
            name=bindparam("name"), slot=bindparam("slot"), amount=bindparam("amount")
        )
        self._count = compile_statement(
            counted.on_conflict_do_update(
                index_elements=[tally.c.name, tally.c.slot],
                set_={"amount": tally.c.amount + counted.excluded.amount},
            ),
            backend,
        )
        self._amount = compile_statement(
            select(func.coalesce(func.sum(tally.c.amount), 0)).where(
                tally.c.name == bindparam("name")
            ),
            backend,
        )
        self._amounts = compile_statement(
            select(tally.c.name, func.sum(tally.c.amount)).group_by(tally.c.name), backend
        )
        kind = func.coalesce(activity.c.scim_type, cast(activity.c.status, Text()))
        self._failures = compile_statement(
            select(kind, func.count())
            .where(activity.c.at > bindparam("since"), activity.c.status >= 400)
            .group_by(kind),
            backend,
        )
        self._columns = [column.name for column in columns]
        self._recent = compile_statement(
            select(*columns)
            .where(activity.c.status >= bindparam("least", type_=Integer()))
            # Refusals are written later than they happen.
            .order_by(activity.c.at.desc(), activity.c.id.desc())
            .limit(bindparam("limit", type_=Integer())),
            backend,
        )
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
        first = select(func.min(activity.c.id)).scalar_subquery()
        self._newest = compile_statement(select(func.max(activity.c.id)), backend)
        self._prune = compile_statement(
            delete(activity).where(
                activity.c.id < first + _PRUNE_ROWS,
                (activity.c.at < bindparam("before", type_=BigInteger()))
                | (activity.c.id <= bindparam("below", type_=BigInteger())),
            ),
            backend,
        )
        secret = table(Secret)
        self._keep_secret = compile_statement(
            upsert(secret, backend)
            .values(name=bindparam("name"), value=bindparam("value"))
            .on_conflict_do_nothing(),
            backend,
        )
        self._secret = compile_statement(
            select(secret.c.value).where(secret.c.name == bindparam("name")), backend
        )

    def line(
        self,
        origin: Origin,
        *,
        resource_type: str | None,
        resource_id: str | None,
        attributes: Sequence[str] = (),
        status: int,
        scim_type: str | None = None,
    ) -> tuple[Statement, Values]:
        """Return the step that writes a line of the provisioning log."""
        return self._insert, {
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
        }

    def count(self, name: str, amount: int) -> tuple[Statement, Values]:
        """Return the step that adds to a counter."""
        slot = random.randrange(self._slots)  # noqa: S311
        return self._count, {"name": name, "slot": slot, "amount": amount}

    async def amount(self, transaction: Transaction, name: str) -> int:
        """Return a counter as it is inside of a transaction."""
        return int((await transaction.fetch(self._amount, {"name": name}))[0][0])

    async def amounts(self) -> dict[str, int]:
        """Return all counters."""
        return {name: int(amount) for name, amount in await self._database.fetch(self._amounts, {})}

    async def failures(self, since: int) -> dict[str, int]:
        """Return how many requests were refused since a moment, by kind."""
        return dict(map(tuple, await self._database.fetch(self._failures, {"since": since})))

    async def recent(self, *, limit: int, least: int) -> list[dict[str, Any]]:
        """Return the newest lines whose status is `least` or more, the newest first."""
        rows = await self._database.fetch(self._recent, {"limit": limit, "least": least})
        return [dict(zip(self._columns, row, strict=True)) for row in rows]

    async def moments(self) -> dict[str, int]:
        """Return when things last happened."""
        return dict(map(tuple, await self._database.fetch(self._moments, {})))

    async def save(
        self, lines: Sequence[tuple[Statement, Values]], moments: Mapping[str, int]
    ) -> None:
        """Write lines and moments that were gathered in memory."""
        async with self._database.transaction() as transaction:
            for statement, values in lines:
                await transaction.execute(statement, values)
            for name, at in sorted(moments.items()):
                await transaction.execute(self._note, {"name": name, "at": at})

    async def prune(self, *, before: int, keep: int) -> None:
        """Remove the lines that are older than a moment, and all but the newest `keep`."""
        newest = (await self._database.fetch(self._newest, {}))[0][0]
        if newest is None:
            return
        values = {"before": before, "below": newest - keep}
        removed = _PRUNE_ROWS
        while removed >= _PRUNE_ROWS:
            async with self._database.transaction() as transaction:
                removed = await transaction.execute(self._prune, values)

    async def secret(self, name: str, proposed: str) -> str:
        """Return a value that all replicas share: the first one proposed."""
        await self._database.write((self._keep_secret, {"name": name, "value": proposed}))
        value: str = (await self._database.fetch(self._secret, {"name": name}))[0][0]
        return value
