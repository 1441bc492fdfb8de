"""Which call tokens are void before they expire: those of calls that are over."""

from collections.abc import Callable
from datetime import datetime, timedelta

from backend.db import Database
from backend.tokens import repository
from backend.tokens.service import LIFETIME
from contracts.calls import RevokedCalls

CLOCK_LEEWAY = timedelta(minutes=1)
"""Servers may run a little behind us."""


class Revocations:
    """The list that servers poll.

    Args:
        database: where calls are.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now

    async def current(self) -> RevokedCalls:
        """The calls that ended within a token's lifetime."""
        kept = LIFETIME + CLOCK_LEEWAY
        async with self._database.unscoped("servers serve every workspace") as session:
            calls = await repository.ended_since(session, self._now() - kept)
        return RevokedCalls(calls=calls, lifetime_seconds=int(kept.total_seconds()))
