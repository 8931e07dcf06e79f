"""The provisioning log: one line for each write, and one for each refused request."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import BigInteger, Integer, Table, Text, bindparam, delete, func, insert, select

from scim_service.store.activity.audit_context import AuditContext
from scim_service.store.clock import Clock
from scim_service.store.database.database import Database
from scim_service.store.database.statements import Backend, Statement, Step, compile_statement
from scim_service.store.tables import LoggedRefusal, LoggedWrite, table

_PRUNE_ROWS = 2_000
"""The most rows that one transaction removes, so that writers do not wait for it."""


@dataclass(frozen=True, slots=True)
class _LineStatements:
    """The statements over one table of lines."""

    columns: tuple[str, ...]
    insert: Statement
    recent: Statement
    of_request: Statement
    newest: Statement
    prune: Statement

    @classmethod
    def compile(cls, lines: Table, backend: Backend) -> "_LineStatements":
        columns = [column for column in lines.c if column.name != "id"]
        values: dict[str, Any] = {column.name: bindparam(column.name) for column in columns}
        request = bindparam("request", type_=Text())
        recent = (
            select(*columns)
            .order_by(lines.c.at.desc(), lines.c.id.desc())
            .limit(bindparam("limit", type_=Integer()))
        )
        of_request = recent.where((lines.c.request_id == request) | (lines.c.edge_id == request))
        first = select(func.min(lines.c.id)).scalar_subquery()
        prune = delete(lines).where(
            lines.c.id < first + _PRUNE_ROWS,
            (lines.c.at < bindparam("before", type_=BigInteger()))
            | (lines.c.id <= bindparam("below", type_=BigInteger())),
        )
        return cls(
            columns=tuple(values),
            insert=compile_statement(insert(lines).inline().values(values), backend),
            recent=compile_statement(recent, backend),
            of_request=compile_statement(of_request, backend),
            newest=compile_statement(select(func.max(lines.c.id)), backend),
            prune=compile_statement(prune, backend),
        )


class ActivityLog:
    """The lines of writes and of refusals, in a table each."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._writes = _LineStatements.compile(table(LoggedWrite), database.backend)
        self._refusals = _LineStatements.compile(table(LoggedRefusal), database.backend)

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
        """Return the step that writes a line: from status 400 on a refusal, else a write."""
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

    async def read_recent(
        self, *, limit: int, refused: bool, request: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the newest lines, the newest first.

        Parameters
        ----------
        refused
            Only the lines of refusals.
        request
            Only the lines of this request, by its id or by the proxy's; no index leads to them.
        """
        found: list[dict[str, Any]] = []
        values = {"limit": limit, "request": request}
        for lines in (self._refusals,) if refused else (self._writes, self._refusals):
            if request is None:
                rows = await self._database.fetch(lines.recent, values)
            else:
                rows = await self._database.fetch(lines.of_request, values, reach="table")
            found += (dict(zip(lines.columns, row, strict=True)) for row in rows)
        # Refusals are written some seconds after they happen.
        found.sort(key=lambda line: line["at"], reverse=True)
        return found[:limit]

    async def prune(self, *, before: int, writes: int, refusals: int) -> None:
        """Remove the lines before a time, and all but the newest of each table.

        Parameters
        ----------
        writes, refusals
            The number of lines to keep.
        """
        for lines, keep in ((self._writes, writes), (self._refusals, refusals)):
            newest = (await self._database.fetch(lines.newest, {}))[0][0]
            removed = 0 if newest is None else 1
            while removed:
                values = {"before": before, "below": newest - keep}
                async with self._database.transaction(long=True) as transaction:
                    removed = await transaction.execute(lines.prune, values)
