"""Refusals in a table of their own, and what is counted by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNT = """
insert into hourly (name, hour, amount)
select
  case when token_id is null then 'unauthenticated'
  else 'refused:' || coalesce(scim_type, cast(status as text)) end,
  at / 3600000000,
  count(*)
from activity where status >= 400 group by 1, 2
"""
MOVE = """
insert into refused (
  at, token_id, request_id, operation, resource_type, resource_id, attributes, status, scim_type,
  duration_us
)
select
  at, token_id, request_id, operation, resource_type, resource_id, attributes, status, scim_type,
  duration_us
from activity where status >= 400 and token_id is not null order by id
"""


def upgrade() -> None:
    """Make the tables, and bring what there is into them."""
    op.create_table(
        "refused",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("token_id", sa.Text()),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text()),
        sa.Column("resource_id", sa.Text()),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("scim_type", sa.Text()),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Index("ix_refused_at", "at"),
    )
    op.create_table(
        "hourly",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("hour", sa.Integer(), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.execute(COUNT)
    # A request without a token is no line of the tenant's log.
    op.execute(MOVE)
    op.execute("delete from activity where status >= 400")
