"""The end of a call: counted once, and what its flows left open is reported."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from backend.analytics.costs import add_used, count_day
from backend.analytics.intents import report_left_open
from backend.calls.schemas import Outcome
from backend.calls.tables import CallRow
from contracts.events import UsageItem

log = structlog.get_logger()


async def close(session: AsyncSession, call: CallRow, at: datetime, outcome: Outcome) -> None:
    """End a call that goes on.

    Args:
        session: of its workspace.
        call: the call.
        at: when.
        outcome: how.
    """
    call.ended_at, call.outcome = at, outcome.value
    call.seconds = max(0, int((at - call.started_at).total_seconds()))
    await session.flush()
    await count_day(session, call, seconds=call.seconds)
    await add_used(session, call, [(UsageItem.CALL_SECONDS, call.seconds)])
    left = await report_left_open(session, call.id, at)
    if left:
        log.warning("steps_left_open", call=call.id, steps=left)
