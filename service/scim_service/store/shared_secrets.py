"""Keys that all replicas of a tenant share."""

from sqlalchemy import bindparam, select

from scim_service.store.database.database import Database
from scim_service.store.database.statements import compile_statement, upsert
from scim_service.store.tables import SharedSecret, table


class SharedSecrets:
    """Named secrets; the first value that a replica proposes is the value for all of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        secrets = table(SharedSecret)
        self._insert = compile_statement(
            upsert(secrets, database.backend)
            .values(name=bindparam("name"), value=bindparam("value"))
            .on_conflict_do_nothing(),
            database.backend,
        )
        self._read = compile_statement(
            select(secrets.c.value).where(secrets.c.name == bindparam("name")), database.backend
        )

    async def get_or_store(self, name: str, proposed: str) -> str:
        """Return the stored value of a secret; store the proposed one if there is none."""
        await self._database.write((self._insert, {"name": name, "value": proposed}))
        value: str = (await self._database.fetch(self._read, {"name": name}))[0][0]
        return value
