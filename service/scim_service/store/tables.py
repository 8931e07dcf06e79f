"""The tables: the one definition for migrations and statements.

A resource is stored twice: `document` is its canonical form, which answers return, and `folded`
its search form (see `search_form`). The columns beside them are the keys that Entra matches on.
Members are rows of `Membership` and never part of a document. Times are microseconds since 1970
in UTC.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, Table, Text
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel


class Jsonb(UserDefinedType[str]):
    """PostgreSQL's jsonb, without its dialect, which a tenant on SQLite need not have in memory."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "JSONB"


# Sorted by bytes, which is the order of code points: the same as in the protocol core.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")
Document = Text()
SearchForm = JSON().with_variant(Jsonb(), "postgresql")
metadata = SQLModel.metadata

Serial = BigInteger().with_variant(Integer(), "sqlite")


def _key(*, nullable: bool = False, **arguments: Any) -> Any:
    return Field(sa_type=KeyText, nullable=nullable, **arguments)


def _time(**arguments: Any) -> Any:
    return Field(sa_type=BigInteger, **arguments)


class User(SQLModel, table=True):
    """A user. Keys are in the search form."""

    __tablename__ = "scim_user"

    id: str = _key(primary_key=True)
    user_name: str = _key(unique=True)
    external_id: str | None = _key(nullable=True, index=True)
    display_name: str | None = _key(nullable=True, index=True)
    employee_number: str | None = _key(nullable=True, index=True)
    active: bool
    document: str = Field(sa_type=Document)
    folded: str = Field(sa_type=SearchForm)
    version: int
    created: int = _time()
    last_modified: int = _time()


class Email(SQLModel, table=True):
    """One element of a user's emails, in the search form."""

    __tablename__ = "scim_email"

    id: int = Field(sa_type=Serial, primary_key=True)
    user_id: str = _key(foreign_key="scim_user.id", ondelete="CASCADE", index=True)
    value: str | None = _key(nullable=True, index=True)
    type: str | None = _key(nullable=True)
    primary: bool | None


class Group(SQLModel, table=True):
    """A group without its members.

    `unique_name` is the search form of displayName where that must be unique, else null.
    """

    __tablename__ = "scim_group"

    id: str = _key(primary_key=True)
    display_name: str = _key(index=True)
    unique_name: str | None = _key(nullable=True, unique=True)
    external_id: str | None = _key(nullable=True, index=True)
    document: str = Field(sa_type=Document)
    folded: str = Field(sa_type=SearchForm)
    version: int
    created: int = _time()
    last_modified: int = _time()


class Membership(SQLModel, table=True):
    """A member of a group: a user, or a group (`member_type` is the resource type).

    `display` is what the client sent, if anything.
    """

    __tablename__ = "scim_membership"
    __table_args__ = (
        Index("ix_scim_membership_member_id", "member_id", "group_id"),
        {"sqlite_with_rowid": False},
    )

    group_id: str = _key(primary_key=True, foreign_key="scim_group.id", ondelete="CASCADE")
    member_id: str = _key(primary_key=True)
    member_type: str = Field(sa_type=Text)
    display: str | None = Field(sa_type=Text, default=None)


class _Line(SQLModel):
    """A line of the provisioning log.

    `attributes` has the names of the changed attributes, separated by commas, and no values.
    `edge_id`, `source` and `agent` are those of `AuditContext`.
    """

    id: int = Field(sa_type=Serial, primary_key=True)
    at: int = _time()
    token_id: str | None = Field(sa_type=Text, default=None)
    request_id: str = Field(sa_type=Text)
    operation: str = Field(sa_type=Text)
    resource_type: str | None = Field(sa_type=Text, default=None)
    resource_id: str | None = Field(sa_type=Text, default=None)
    attributes: str = Field(sa_type=Text)
    status: int
    scim_type: str | None = Field(sa_type=Text, default=None)
    duration_us: int = _time()
    edge_id: str | None = Field(sa_type=Text, default=None)
    source: str | None = Field(sa_type=Text, default=None)
    agent: str | None = Field(sa_type=Text, default=None)
    reason: str | None = Field(sa_type=Text, default=None)


class LoggedWrite(_Line, table=True):
    """The line of a write."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_at_status", "at", "status"),)


class LoggedRefusal(_Line, table=True):
    """The line of a request that had an accepted token and was refused.

    In a table of its own, so that no number of refusals displaces a write.
    """

    __tablename__ = "refused"
    __table_args__ = (Index("ix_refused_at", "at"),)


class HourlyCounter(SQLModel, table=True):
    """How often an event happened within an hour (hours since 1970)."""

    __tablename__ = "hourly"

    name: str = Field(sa_type=Text, primary_key=True)
    hour: int = Field(primary_key=True)
    amount: int = _time()


class CounterSlot(SQLModel, table=True):
    """A part of a counter: the counter is the sum over its slots.

    Writers on PostgreSQL spread over the slots; they would queue for a single row.
    """

    __tablename__ = "tally"

    name: str = Field(sa_type=Text, primary_key=True)
    slot: int = Field(primary_key=True)
    amount: int = _time()


class LastTime(SQLModel, table=True):
    """When an event last happened: ``request``, ``probed``, ``provisioned``, ``token:<id>``."""

    __tablename__ = "moment"

    name: str = Field(sa_type=Text, primary_key=True)
    at: int = _time()


class SharedSecret(SQLModel, table=True):
    """A key that all replicas share: the one that signs cursors."""

    __tablename__ = "secret"

    name: str = Field(sa_type=Text, primary_key=True)
    value: str = Field(sa_type=Text)


class PageStartRow(SQLModel, table=True):
    """The resource that an index of a query follows (see `page_starts`).

    `position` is a JSON array. The table is unlogged on PostgreSQL: no page waits for the disk.
    """

    __tablename__ = "page_start"
    __table_args__ = (Index("ix_page_start_at", "at"),)

    query: str = _key(primary_key=True)
    start_index: int = Field(sa_type=BigInteger, primary_key=True)
    position: str = Field(sa_type=Text)
    client: str = Field(sa_type=Text)
    is_first: bool
    by_count: bool
    at: int = _time()


def table(model: type[SQLModel]) -> Table:
    """Return the table of a class, for statements."""
    return metadata.tables[str(model.__tablename__)]
