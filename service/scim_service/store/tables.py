"""The tables: the one definition that migrations and statements are made from.

A resource is kept twice: `document` is its canonical form as it is returned, `folded` the form
that it is searched in (see `folding`). Columns beside them are the keys that Entra matches on.
Members are rows of `Membership` and never part of a document. Times are microseconds since 1970
in UTC.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, Index, Integer, Table, Text
from sqlalchemy.types import UserDefinedType
from sqlmodel import Field, SQLModel


class Jsonb(UserDefinedType[str]):
    """PostgreSQL's jsonb, without its dialect: a tenant on SQLite need not have that in memory."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "JSONB"


# Byte order is code point order: what the protocol core compares in, whatever the locale.
KeyText = Text().with_variant(Text(collation="C"), "postgresql")
Document = Text()
Folded = JSON().with_variant(Jsonb(), "postgresql")
metadata = SQLModel.metadata

Serial = BigInteger().with_variant(Integer(), "sqlite")


def _key(*, nullable: bool = False, **arguments: Any) -> Any:
    return Field(sa_type=KeyText, nullable=nullable, **arguments)


def _time(**arguments: Any) -> Any:
    return Field(sa_type=BigInteger, **arguments)


class User(SQLModel, table=True):
    """A user. Keys are folded where their attribute is not caseExact."""

    __tablename__ = "scim_user"

    id: str = _key(primary_key=True)
    user_name: str = _key(unique=True)
    external_id: str | None = _key(nullable=True, index=True)
    display_name: str | None = _key(nullable=True, index=True)
    employee_number: str | None = _key(nullable=True, index=True)
    active: bool
    document: str = Field(sa_type=Document)
    folded: str = Field(sa_type=Folded)
    version: int
    created: int = _time()
    last_modified: int = _time()


class Email(SQLModel, table=True):
    """One element of a user's emails, as it is matched on."""

    __tablename__ = "scim_email"

    id: int = Field(sa_type=Serial, primary_key=True)
    user_id: str = _key(foreign_key="scim_user.id", ondelete="CASCADE", index=True)
    value: str | None = _key(nullable=True, index=True)
    type: str | None = _key(nullable=True)
    primary: bool | None


class Group(SQLModel, table=True):
    """A group without its members.

    `unique_name` is the folded displayName where it has to be unique (entra profile), else null.
    """

    __tablename__ = "scim_group"

    id: str = _key(primary_key=True)
    display_name: str = _key(index=True)
    unique_name: str | None = _key(nullable=True, unique=True)
    external_id: str | None = _key(nullable=True, index=True)
    document: str = Field(sa_type=Document)
    folded: str = Field(sa_type=Folded)
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

    `attributes` has the names of what was changed, comma-separated; no values. `edge_id`, `source`
    and `agent` are those of `AuditContext`.
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


class Activity(_Line, table=True):
    """A write."""

    __tablename__ = "activity"
    __table_args__ = (Index("ix_activity_at_status", "at", "status"),)


class LoggedRefusal(_Line, table=True):
    """A request with an accepted token that was refused.

    Apart from the writes, so that no number of refusals takes the place of a write.
    """

    __tablename__ = "refused"
    __table_args__ = (Index("ix_refused_at", "at"),)


class HourlyCounter(SQLModel, table=True):
    """How often something happened within an hour (hours since 1970)."""

    __tablename__ = "hourly"

    name: str = Field(sa_type=Text, primary_key=True)
    hour: int = Field(primary_key=True)
    amount: int = _time()


class CounterSlot(SQLModel, table=True):
    """How many rows there are of a kind: the sum over the slots.

    Writers on PostgreSQL spread over slots, since a single row would make them queue.
    """

    __tablename__ = "tally"

    name: str = Field(sa_type=Text, primary_key=True)
    slot: int = Field(primary_key=True)
    amount: int = _time()


class LastTime(SQLModel, table=True):
    """When something last happened: ``request``, ``probed``, ``provisioned``, ``token:<id>``."""

    __tablename__ = "moment"

    name: str = Field(sa_type=Text, primary_key=True)
    at: int = _time()


class Secret(SQLModel, table=True):
    """Keys that all replicas share: the one that cursors are signed with."""

    __tablename__ = "secret"

    name: str = Field(sa_type=Text, primary_key=True)
    value: str = Field(sa_type=Text)


class PageStartRow(SQLModel, table=True):
    """What an index of a query follows, for those who walk by index (see `page_starts`).

    `position` is a JSON array. Unlogged on PostgreSQL: no page waits for the disk.
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
    """Return the table that a class defines, for statements."""
    return metadata.tables[str(model.__tablename__)]
