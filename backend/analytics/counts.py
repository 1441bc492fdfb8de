"""Counts that are added to where events arrive, and percentiles out of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import SCOPE_CHECKED, WORKSPACE, Base

STEP = 1.1
"""Each class of latency is a tenth wider than the one before: a percentile is right within 5 %."""


async def add_counts(
    session: AsyncSession, table: type[Base], rows: Sequence[Mapping[str, Any]], *, counted: Sequence[str]
) -> None:
    """Add to counts, whoever else adds to them meanwhile.

    Args:
        session: a scoped one; the rows take its workspace.
        table: of the counts.
        rows: keys and what to add, each key once.
        counted: the columns that are added to.
    """
    if not rows:
        return
    # One order for all, so that two that add to the same rows do not wait for each other.
    ordered = sorted(rows, key=lambda row: [str(value) for name, value in row.items() if name not in counted])
    owned = [{**row, "workspace_id": session.info[WORKSPACE]} for row in ordered]
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = insert(table).values(owned)
    keys = [column.name for column in table.metadata.tables[table.__tablename__].primary_key]
    added = {name: getattr(table, name) + statement.excluded[name] for name in counted}
    statement = statement.on_conflict_do_update(index_elements=keys, set_=added)
    await session.execute(statement, execution_options={SCOPE_CHECKED: True})


def bucket_of(ms: int) -> int:
    """The class of a latency."""
    return 0 if ms <= 0 else 1 + math.floor(math.log(ms, STEP))


def latency_of(bucket: int) -> float:
    """Milliseconds in the middle of a class."""
    return 0.0 if bucket == 0 else STEP ** (bucket - 0.5)


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The latency that this share of calls does not exceed; None without a call."""
    total = sum(buckets.values())
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= share * total:
            return round(latency_of(bucket), 1)
    return None
