"""Versions have a state; agents have limits, publishable keys and numbers; calls say more."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _workspace() -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), nullable=False)


def _agent(*, key: bool = False) -> sa.Column[str]:
    return sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), primary_key=key, nullable=False)


def upgrade() -> None:
    """Change what is there, keeping it, and create the tables."""
    with op.batch_alter_table("agents") as agents:
        agents.alter_column("published_version", existing_type=sa.Integer, nullable=True)
        agents.add_column(sa.Column("archived_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("agent_versions") as versions:
        versions.add_column(sa.Column("state", sa.String(16), nullable=False, server_default="published"))
        versions.add_column(sa.Column("created_by", sa.String(80), nullable=False, server_default="seed"))
    # Before this revision every version was published in its turn: the others are those that came before.
    op.execute(
        "update agent_versions set state = 'archived' where version <> "
        "(select published_version from agents where agents.id = agent_versions.agent_id)"
    )
    _change_calls()
    _create_doors()


def _change_calls() -> None:
    with op.batch_alter_table("calls") as calls:
        calls.add_column(sa.Column("channel", sa.String(16), nullable=False, server_default="text"))
        calls.add_column(sa.Column("room", sa.String(128)))
        calls.add_column(sa.Column("seen_at", sa.DateTime(timezone=True)))
        calls.add_column(sa.Column("outcome", sa.String(16)))
        calls.add_column(sa.Column("seconds", sa.Integer, nullable=False, server_default="0"))
        calls.add_column(sa.Column("cost", sa.BigInteger, nullable=False, server_default="0"))
    op.execute("update calls set seen_at = coalesce(ended_at, started_at)")
    op.execute("update calls set outcome = 'ended' where ended_at is not null")
    with op.batch_alter_table("calls") as calls:
        calls.alter_column("seen_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    op.create_index("ix_calls_recent", "calls", ["workspace_id", "started_at", "id"])
    op.create_index("ix_calls_of_agent", "calls", ["agent_id", "started_at", "id"])
    live = sa.text("ended_at is null")
    op.create_index("ix_calls_live", "calls", ["agent_id", "seen_at"], sqlite_where=live, postgresql_where=live)
    op.create_index("ix_calls_ended_at", "calls", ["ended_at"])


def _create_doors() -> None:
    op.create_table(
        "agent_limits",
        _agent(key=True),
        _workspace(),
        sa.Column("simultaneous_calls", sa.Integer),
        sa.Column("minutes_a_day", sa.Integer),
        sa.Column("spend_a_day", sa.BigInteger),
    )
    op.create_table(
        "publishable_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        _agent(),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("origins", sa.JSON, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "phone_numbers",
        sa.Column("number", sa.String(20), primary_key=True),
        _workspace(),
        _agent(),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    for table in ("agent_limits", "publishable_keys", "phone_numbers"):
        op.create_index(f"ix_{table}_workspace_id", table, ["workspace_id"])
    for table in ("publishable_keys", "phone_numbers"):
        op.create_index(f"ix_{table}_agent_id", table, ["agent_id"])


def downgrade() -> None:
    """Drop the tables; what was added to the others stays."""
    for table in ("phone_numbers", "publishable_keys", "agent_limits"):
        op.drop_table(table)
