"""Staying below Google's requests per minute and user, so that one busy account is not locked out for a while."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from mcp_servers.shared.errors import TryLater

SECONDS = 60.0
BURST = 10
"""A tenth of a minute's requests may come at once."""


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class Limiter:
    """A token bucket per connection.

    Args:
        per_minute: requests.
        clock: monotonic seconds; injected in tests.
    """

    def __init__(self, per_minute: int, *, clock: Callable[[], float]) -> None:
        # Burst and refill of one minute together stay within the limit.
        self._burst = per_minute / BURST
        self._rate = (per_minute - self._burst) / SECONDS
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, connection: str) -> None:
        """Count one request.

        Raises:
            TryLater: the minute is used up; nothing was sent.
        """
        wait = self._wait(connection)
        if wait:
            raise TryLater("this calendar's requests for the minute are used up; nothing was sent", retry_after=wait)

    def allows(self, connection: str) -> bool:
        """Count one more request, if the minute has one left."""
        return not self._wait(connection)

    def _wait(self, connection: str) -> float:
        """Count one request; or seconds until there is one."""
        now = self._clock()
        bucket = self._buckets.setdefault(connection, _Bucket(self._burst, now))
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.filled_at) * self._rate)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return math.ceil((1 - bucket.tokens) / self._rate * 100) / 100
        bucket.tokens -= 1
        return 0.0
