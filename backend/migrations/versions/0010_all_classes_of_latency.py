"""A row of tool calls holds all classes of latency from its first call on, and outcomes apart from them."""

import struct
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

CLASSES = 128
PACKED = struct.Struct(f"<{CLASSES}I")
KEY = ("workspace_id", "scope", "day", "server", "tool")
NEW = {"outcomes": sa.JSON, "latencies": sa.LargeBinary}
Counts = Mapping[str, Any]
OLD = {"counts": sa.JSON}


def upgrade() -> None:
    """Count outcomes and latencies apart."""
    rows = _rows(OLD)
    _make_anew(NEW)
    op.bulk_insert(_table(NEW), [_apart(row) for row in rows])


def _apart(row: dict[str, Any]) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = row.pop("counts")
    latencies = [0] * CLASSES
    for classes in counts.values():
        for number, calls in classes.items():
            latencies[min(CLASSES - 1, int(number))] += calls
    outcomes = {outcome: sum(classes.values()) for outcome, classes in counts.items()}
    return {**row, "outcomes": outcomes, "latencies": PACKED.pack(*latencies)}


def downgrade() -> None:
    """Put them together; which outcome took how long is not known any more, so the first take the shortest."""
    rows = _rows(NEW)
    _make_anew(OLD)
    op.bulk_insert(_table(OLD), [_together(row) for row in rows])


def _together(row: dict[str, Any]) -> dict[str, Any]:
    outcomes, latencies = row.pop("outcomes"), PACKED.unpack(row.pop("latencies"))
    counts: dict[str, dict[str, int]] = {outcome: {} for outcome in outcomes}
    calls = _each(dict(enumerate(latencies)))
    for outcome in _each(outcomes):
        number = str(next(calls))
        counts[outcome][number] = counts[outcome].get(number, 0) + 1
    return {**row, "counts": counts}


def _each(counted: dict[Any, int]) -> Iterator[Any]:
    return (name for name, count in counted.items() for _ in range(count))


def _rows(counts: Counts) -> list[dict[str, Any]]:
    return [dict(row) for row in op.get_bind().execute(sa.select(_table(counts))).mappings()]


def _table(counts: Counts) -> sa.TableClause:
    names = [sa.column(name, sa.Date if name == "day" else sa.String) for name in KEY]
    return sa.table(
        "tool_days", *names, *(sa.column(name, kind) for name, kind in counts.items()), sa.column("cost", sa.BigInteger)
    )


def _make_anew(counts: Counts) -> None:
    op.drop_table("tool_days")
    op.create_table(
        "tool_days",
        sa.Column("workspace_id", sa.String(64), sa.ForeignKey("workspaces.id"), primary_key=True, nullable=False),
        sa.Column("scope", sa.String(64), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("server", sa.String(100), primary_key=True),
        sa.Column("tool", sa.String(100), primary_key=True),
        *(sa.Column(name, kind, nullable=False) for name, kind in counts.items()),
        sa.Column("cost", sa.BigInteger, nullable=False, server_default="0"),
    )
