"""Which call tokens are void before they expire: those of calls that are over."""

from datetime import timedelta

from backend.service import Service
from backend.tokens import repository
from backend.tokens.service import LIFETIME
from contracts.calls import RevokedCalls

CLOCK_LEEWAY = timedelta(minutes=1)
"""Servers may run a little behind us."""


class Revocations(Service):
    """The list that servers poll."""

    async def current(self) -> RevokedCalls:
        """The calls that ended within a token's lifetime."""
        kept = LIFETIME + CLOCK_LEEWAY
        async with self._database.unscoped("servers serve every workspace") as session:
            calls = await repository.ended_since(session, self._now() - kept)
        return RevokedCalls(calls=calls, lifetime_seconds=int(kept.total_seconds()))
