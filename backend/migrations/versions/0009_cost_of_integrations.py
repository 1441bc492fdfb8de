"""What calls of an integration's tools cost."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, add the column."""
    op.create_table(
        "integration_prices",
        sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("server", sa.String(100), primary_key=True),
        sa.Column("price", sa.BigInteger, nullable=False),
    )
    op.add_column("tool_days", sa.Column("cost", sa.BigInteger, nullable=False, server_default="0"))


def downgrade() -> None:
    """Take them back."""
    op.drop_column("tool_days", "cost")
    op.drop_table("integration_prices")
