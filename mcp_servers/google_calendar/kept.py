"""What is read from Google and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mcp_servers.shared.errors import Unavailable

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass
class _Entry(Generic[Value]):
    value: Value | None = None
    read_at: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Kept(Generic[Key, Value]):
    """Values by key, each read once at a time.

    Args:
        ttl: seconds to keep one.
        now: seconds since 1970.
    """

    def __init__(self, *, ttl: float, now: Callable[[], float]) -> None:
        self._ttl = ttl
        self._now = now
        self._entries: dict[Key, _Entry[Value]] = {}

    async def get(self, key: Key, read: Callable[[], Awaitable[Value]]) -> Value:
        """The value, read anew when it is too old. An older one is better than none while Google does not answer.

        Raises:
            Unavailable: it was never read, and cannot be now.
        """
        entry = self._entries.setdefault(key, _Entry())
        if (value := self._fresh(entry)) is not None:
            return value
        async with entry.reading:
            if (value := self._fresh(entry)) is not None:
                return value
            try:
                return self.put(key, await read())
            except Unavailable:
                if entry.value is None:
                    raise
                return entry.value

    def put(self, key: Key, value: Value) -> Value:
        """Keep what was learnt otherwise."""
        entry = self._entries.setdefault(key, _Entry())
        entry.value, entry.read_at = value, self._now()
        return value

    def drop(self, key: Key) -> None:
        """Read it anew at the next question."""
        self._entries.pop(key, None)

    def _fresh(self, entry: _Entry[Value]) -> Value | None:
        return entry.value if self._now() - entry.read_at < self._ttl else None
