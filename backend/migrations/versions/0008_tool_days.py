"""Tool calls in one row a day and tool, by agent and for all agents together."""

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EVERY_AGENT = "*"
DAYS = sa.table(
    "tool_days",
    *(sa.column(name, sa.String) for name in ("workspace_id", "scope", "server", "tool")),
    sa.column("day", sa.Date),
    sa.column("counts", sa.JSON),
)
COUNTS = sa.table(
    "tool_counts",
    *(sa.column(name, sa.String) for name in ("workspace_id", "agent_id", "server", "tool", "outcome")),
    sa.column("day", sa.Date),
    sa.column("bucket", sa.Integer),
    sa.column("count", sa.BigInteger),
)


def _workspace(*, key: bool) -> sa.Column[str]:
    return sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), primary_key=key, nullable=False)


def upgrade() -> None:
    """Sum up what there is."""
    op.create_table(
        "tool_days",
        _workspace(key=True),
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("server", sa.String(100), primary_key=True),
        sa.Column("tool", sa.String(100), primary_key=True),
        sa.Column("counts", sa.JSON, nullable=False),
    )
    op.bulk_insert(DAYS, _summed())
    op.drop_table("tool_counts")


def _summed() -> list[dict[str, Any]]:
    sums: dict[tuple[Any, ...], dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(int)))
    for workspace, agent, server, tool, outcome, day, bucket, count in op.get_bind().execute(sa.select(COUNTS)):
        for scope in (agent, EVERY_AGENT):
            sums[workspace, scope, day, server, tool][outcome][str(bucket)] += count
    names = ("workspace_id", "scope", "day", "server", "tool")
    return [
        {**dict(zip(names, key, strict=True)), "counts": json.loads(json.dumps(counts))} for key, counts in sums.items()
    ]


def downgrade() -> None:
    """Take them apart again."""
    op.create_table(
        "tool_counts",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("agent_id", sa.String(64), sa.ForeignKey("agents.id"), primary_key=True),
        _workspace(key=False),
        sa.Column("server", sa.String(100), primary_key=True),
        sa.Column("tool", sa.String(100), primary_key=True),
        sa.Column("outcome", sa.String(32), primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_tool_counts_workspace_id", "tool_counts", ["workspace_id"])
    op.bulk_insert(COUNTS, list(_parts()))
    op.drop_table("tool_days")


def _parts() -> Iterator[dict[str, Any]]:
    for row in op.get_bind().execute(sa.select(DAYS).where(DAYS.c.scope != EVERY_AGENT)):
        kept = {"day": row.day, "agent_id": row.scope, "workspace_id": row.workspace_id, "server": row.server}
        for outcome, buckets in row.counts.items():
            for bucket, count in buckets.items():
                yield {**kept, "tool": row.tool, "outcome": outcome, "bucket": int(bucket), "count": count}
