"""Summaries of calls, whether they are made, and what is known of a call's worker."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, add the columns."""
    op.create_table(
        "call_summaries",
        sa.Column("call_id", sa.String(64), sa.ForeignKey("calls.id"), primary_key=True),
        sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), nullable=False),
        sa.Column("text", sa.Text, nullable=True),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_call_summaries_workspace_id", "call_summaries", ["workspace_id"])
    op.create_index("ix_call_summaries_tried_at", "call_summaries", ["tried_at"])
    op.add_column("keeping", sa.Column("summaries", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("calls", sa.Column("worker_left_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("calls", sa.Column("dispatches", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_calls_room", "calls", ["room"])


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_calls_room", "calls")
    for column in ("dispatches", "dispatched_at", "worker_left_at"):
        op.drop_column("calls", column)
    op.drop_column("keeping", "summaries")
    op.drop_table("call_summaries")
