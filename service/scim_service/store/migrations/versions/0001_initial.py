"""The first tables: users, groups, memberships, the provisioning log and its counters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

KEY = sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql")
FOLDED = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "scim_user",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("user_name", KEY, nullable=False, unique=True),
        sa.Column("external_id", KEY, index=True),
        sa.Column("display_name", KEY, index=True),
        sa.Column("employee_number", KEY, index=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("folded", FOLDED, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_modified", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "scim_email",
        sa.Column("id", SERIAL, primary_key=True),
        sa.Column(
            "user_id",
            KEY,
            sa.ForeignKey("scim_user.id", ondelete="CASCADE"),
            nullable=False,
            index=True,
        ),
        sa.Column("value", KEY, index=True),
        sa.Column("type", KEY),
        sa.Column("primary", sa.Boolean()),
    )
    op.create_table(
        "scim_group",
        sa.Column("id", KEY, primary_key=True),
        sa.Column("display_name", KEY, nullable=False, index=True),
        sa.Column("unique_name", KEY, unique=True),
        sa.Column("external_id", KEY, index=True),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("folded", FOLDED, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("last_modified", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "scim_membership",
        sa.Column(
            "group_id", KEY, sa.ForeignKey("scim_group.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("member_id", KEY, primary_key=True),
        sa.Column("member_type", sa.Text(), nullable=False),
        sa.Column("display", sa.Text()),
        sa.Index("ix_scim_membership_member_id", "member_id", "group_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "activity",
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
        sa.Index("ix_activity_at_status", "at", "status"),
    )
    op.create_table(
        "tally",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("slot", sa.Integer(), primary_key=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "moment",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
