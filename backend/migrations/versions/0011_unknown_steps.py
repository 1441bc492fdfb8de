"""How many steps of a call's flows nobody knows of."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Count those that there are."""
    op.add_column("calls", sa.Column("unknown_steps", sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "update calls set unknown_steps ="
        " (select count(*) from intent_steps where intent_steps.call_id = calls.id and intent_steps.state = 'unknown')"
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_column("calls", "unknown_steps")
