"""MCP servers and their tools."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _workspace() -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), nullable=False)


def _instant(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "mcp_servers",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("origin", sa.String(300), nullable=False),
        sa.Column("credential", sa.String(16), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        _instant("made_at", nullable=False),
        _instant("listed_at"),
        _instant("checked_at"),
        _instant("next_check_at", nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("problem", sa.String(32)),
        sa.Column("left_out", sa.Integer, nullable=False),
        sa.UniqueConstraint("workspace_id", "name", name="uq_mcp_servers_name"),
    )
    op.create_index("ix_mcp_servers_workspace_id", "mcp_servers", ["workspace_id"])
    op.create_index("ix_mcp_servers_next_check_at", "mcp_servers", ["next_check_at"])
    op.create_table(
        "mcp_tools",
        sa.Column("server_id", sa.String(64), sa.ForeignKey("mcp_servers.id"), primary_key=True),
        sa.Column("name", sa.String(128), primary_key=True),
        _workspace(),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("listed", sa.JSON, nullable=False),
        sa.Column("approved", sa.JSON),
        _instant("changed_at", nullable=False),
        _instant("approved_at"),
        sa.Column("approved_by", sa.String(80)),
    )
    op.create_index("ix_mcp_tools_workspace_id", "mcp_tools", ["workspace_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("mcp_tools")
    op.drop_table("mcp_servers")
