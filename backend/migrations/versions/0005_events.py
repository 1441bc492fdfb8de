"""Events of calls, counts by day, prices, how long what was said is kept, intents."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _workspace(*, key: bool = False) -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), primary_key=key, nullable=False)


def _agent() -> sa.Column[str]:
    return sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), primary_key=True)


def _call() -> sa.Column[str]:
    return sa.Column("call_id", sa.String(64), sa.ForeignKey("calls.id"), primary_key=True)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "call_events",
        _call(),
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
    )
    op.create_index("ix_call_events_timeline", "call_events", ["call_id", "at", "id"])
    op.create_index("ix_call_events_at", "call_events", ["at"])
    op.create_table(
        "day_counts",
        sa.Column("day", sa.Date, primary_key=True),
        _agent(),
        _workspace(),
        _number("calls"),
        _number("seconds"),
        _number("cost"),
    )
    op.create_table(
        "tool_counts",
        sa.Column("day", sa.Date, primary_key=True),
        _agent(),
        _workspace(),
        sa.Column("server", sa.String(100), primary_key=True),
        sa.Column("tool", sa.String(100), primary_key=True),
        sa.Column("outcome", sa.String(32), primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True),
        _number("count"),
    )
    op.create_table(
        "prices", _workspace(key=True), sa.Column("item", sa.String(32), primary_key=True), _number("price")
    )
    op.create_table(
        "keeping",
        _workspace(key=True),
        sa.Column("keep_text", sa.Boolean, nullable=False),
        sa.Column("text_days", sa.Integer, nullable=False),
        sa.Column("event_days", sa.Integer, nullable=False),
    )
    _create_intents()
    for table in ("call_events", "day_counts", "tool_counts", "intents", "intent_steps"):
        op.create_index(f"ix_{table}_workspace_id", table, ["workspace_id"])


def _create_intents() -> None:
    op.create_table(
        "intents",
        _call(),
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("flow", sa.String(100), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_intents_state", "intents", ["state"])
    op.create_table(
        "intent_steps",
        sa.Column("call_id", sa.String(64), primary_key=True),
        sa.Column("intent_id", sa.String(64), primary_key=True),
        sa.Column("operation", sa.String(100), primary_key=True),
        _workspace(),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("tool", sa.String(100), nullable=False),
        sa.Column("server", sa.String(100), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["call_id", "intent_id"], ["intents.call_id", "intents.id"]),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("intent_steps", "intents", "keeping", "prices", "tool_counts", "day_counts", "call_events"):
        op.drop_table(table)
