"""Where the pages of walks by index start."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the table."""
    postgres = op.get_context().dialect.name == "postgresql"
    op.create_table(
        "page_start",
        sa.Column(
            "query",
            sa.Text().with_variant(sa.Text(collation="C"), "postgresql"),
            primary_key=True,
        ),
        sa.Column("start_index", sa.BigInteger(), primary_key=True),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("by_count", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Index("ix_page_start_at", "at"),
        prefixes=["UNLOGGED"] if postgres else [],
    )
