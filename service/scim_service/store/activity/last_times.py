"""When events last happened: a request, a successful write, the use of a token, a backup."""

from sqlalchemy import bindparam, select

from scim_service.store.database.database import Database
from scim_service.store.database.statements import Step, compile_statement, upsert
from scim_service.store.tables import LastTime, table


class LastTimes:
    """The last time of each named event; a stored time never becomes an earlier one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        times = table(LastTime)
        noted = upsert(times, database.backend).values(name=bindparam("name"), at=bindparam("at"))
        self._note = compile_statement(
            noted.on_conflict_do_update(
                index_elements=[times.c.name],
                set_={"at": noted.excluded.at},
                where=times.c.at < noted.excluded.at,
            ),
            database.backend,
        )
        self._read = compile_statement(select(times.c.name, times.c.at), database.backend)

    def note(self, name: str, at: int) -> Step:
        """Return the step that notes the time of an event."""
        return self._note, {"name": name, "at": at}

    async def read(self) -> dict[str, int]:
        """Return the last time of every event."""
        return dict(map(tuple, await self._database.fetch(self._read, {})))
