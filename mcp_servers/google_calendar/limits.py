"""Staying below Google's requests per minute and user, so that one busy account is not locked out for a while."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mcp_servers.shared.errors import TryLater

SECONDS = 60.0
BURST = 10
"""A tenth of a minute's requests may come at once."""
PATIENCE = 0.5
"""Seconds that a request waits for its turn at most: a caller hardly hears them, and would hear a refusal."""


@dataclass
class _Bucket:
    tokens: float
    """Below zero when turns that are still to come have been given away."""
    filled_at: float


class Limiter:
    """A token bucket per connection, of this process: see docs/decisions/0114.

    Args:
        per_minute: requests.
        clock: monotonic seconds; injected in tests.
        sleep: waits; injected in tests.
    """

    def __init__(
        self, per_minute: int, *, clock: Callable[[], float], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        # Burst and refill of one minute together stay within the limit.
        self._burst = per_minute / BURST
        self._rate = (per_minute - self._burst) / SECONDS
        self._clock = clock
        self._sleep = sleep
        self._buckets: dict[str, _Bucket] = {}

    async def take(self, connection: str, *, within: float) -> None:
        """Count one request. A turn that comes soon is waited for, in the order of asking.

        Args:
            connection: whose account.
            within: seconds that the call has left; half of them at least stay for the request itself.

        Raises:
            TryLater: the turn comes too late; nothing was sent or counted.
        """
        wait = self._wait(connection)
        if wait > min(PATIENCE, within / 2):
            raise TryLater("this calendar's requests for the minute are used up; nothing was sent", retry_after=wait)
        self._buckets[connection].tokens -= 1
        if wait:
            await self._sleep(wait)

    def allows(self, connection: str) -> bool:
        """Count one more request, if the minute has one left now."""
        if self._wait(connection):
            return False
        self._buckets[connection].tokens -= 1
        return True

    def _wait(self, connection: str) -> float:
        """Seconds until this connection's next turn."""
        now = self._clock()
        if connection not in self._buckets:
            self._forget_the_full(now)
        bucket = self._buckets.setdefault(connection, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        return math.ceil(max(0.0, 1 - bucket.tokens) / self._rate * 100) / 100

    def _forget_the_full(self, now: float) -> None:
        """A bucket that is full again says no more than a new one; kept, there would be one for each account for ever."""
        self._buckets = {
            connection: bucket
            for connection, bucket in self._buckets.items()
            if bucket.tokens + (now - bucket.filled_at) * self._rate < self._burst
        }
