"""Google's limit for one account, over a sliding minute."""

from collections import defaultdict, deque
from datetime import datetime

from sandbox.google.errors import GoogleError
from sandbox.google.knobs import Knobs

WINDOW_SECONDS = 60.0


class Quota:
    """Counts requests.

    Args:
        knobs: the limit, and what a request above it gets.
    """

    def __init__(self, knobs: Knobs) -> None:
        self._knobs = knobs
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def clear(self) -> None:
        """Forget every request."""
        self._recent.clear()

    def count(self, account: str, now: datetime) -> None:
        """Count one request of an account.

        Raises:
            GoogleError: 403 or 429 ``rateLimitExceeded``.
        """
        limit, seconds, recent = self._knobs.requests_per_minute, now.timestamp(), self._recent[account]
        while recent and recent[0] <= seconds - WINDOW_SECONDS:
            recent.popleft()
        if limit is not None and len(recent) >= limit:
            message = "Rate Limit Exceeded"
            raise GoogleError(self._knobs.limit_status, "rateLimitExceeded", message, domain="usageLimits")
        if limit is not None:
            recent.append(seconds)
