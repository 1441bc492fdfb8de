"""What call tokens need of the database."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from backend.calls.tables import CallRow


async def ended_since(session: AsyncSession, moment: datetime) -> tuple[str, ...]:
    """The calls of every workspace that ended at or after a moment: servers serve them all."""
    query = sa.select(CallRow.id).where(CallRow.ended_at >= moment).order_by(CallRow.ended_at)
    return tuple((await session.execute(query)).scalars())
