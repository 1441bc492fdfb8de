"""People, sessions, API keys, owner links, the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _workspace() -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), nullable=False)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "users",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("password_hash", sa.String(200), nullable=False),
        _instant("created_at"),
        sa.UniqueConstraint("workspace_id", "email"),
    )
    op.create_index("ix_users_workspace_id", "users", ["workspace_id"])
    op.create_index("ix_users_email", "users", ["email"])
    op.create_table(
        "sessions",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("user_id", sa.String(64), sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        _instant("created_at"),
        _instant("expires_at"),
    )
    op.create_index("ix_sessions_workspace_id", "sessions", ["workspace_id"])
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("created_by", sa.String(80), nullable=False),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
        _instant("revoked_at", nullable=True),
    )
    op.create_index("ix_api_keys_workspace_id", "api_keys", ["workspace_id"])
    op.create_table(
        "owner_links",
        sa.Column("token_hash", sa.String(64), primary_key=True),
        _workspace(),
        _instant("created_at"),
        _instant("expires_at"),
        _instant("used_at", nullable=True),
    )
    op.create_index("ix_owner_links_workspace_id", "owner_links", ["workspace_id"])
    op.create_table(
        "login_failures",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("subject_hash", sa.String(64), nullable=False),
        _instant("at"),
    )
    op.create_index("ix_login_failures_subject_hash", "login_failures", ["subject_hash"])
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(64), primary_key=True),
        _workspace(),
        _instant("at"),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(128), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_index("ix_audit_log_workspace_id", "audit_log", ["workspace_id"])
    op.create_index("ix_audit_log_recent", "audit_log", ["workspace_id", "at", "id"])


def downgrade() -> None:
    """Drop them."""
    for table in ("audit_log", "login_failures", "owner_links", "api_keys", "sessions", "users"):
        op.drop_table(table)
