"""Counts that are added to where events arrive, and percentiles out of them."""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncSession

from backend.db import SCOPE_CHECKED, WORKSPACE, Base

STEP = 1.1
"""Each class of latency is a tenth wider than the one before: a percentile is right within 5 %."""
CLASSES = 128
"""The last one holds whatever took longer than 160 seconds."""
NO_CALLS = (0,) * CLASSES


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


def class_of(ms: int) -> int:
    """The class of a latency."""
    return 0 if ms <= 0 else min(CLASSES - 1, 1 + math.floor(math.log(ms, STEP)))


def latency_of(number: int) -> float:
    """Milliseconds in the middle of a class."""
    return 0.0 if number == 0 else STEP ** (number - 0.5)


def percentile(latencies: Sequence[int], share: float) -> float | None:
    """The latency that this share of calls does not exceed; None without a call.

    Args:
        latencies: calls by class.
        share: between 0 and 1.
    """
    total = sum(latencies)
    reached = (number for number, seen in enumerate(accumulate(latencies)) if seen >= share * total)
    return round(latency_of(next(reached)), 1) if total else None
