"""Where a request came from, in the provisioning log, and why it was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    for lines in ("activity", "refused"):
        for name in ("edge_id", "source", "agent", "reason"):
            op.add_column(lines, sa.Column(name, sa.Text()))
