"""What is read from Google and kept for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mcp_servers.shared.errors import Unavailable

LONGEST_SECONDS = 86_400.0
"""How long what nobody asked for is kept: a process would hold something of every account that it ever served."""

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
        entry = self._entry(key)
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
        entry = self._entry(key)
        entry.value, entry.read_at = value, self._now()
        return value

    def drop(self, key: Key) -> None:
        """Read it anew at the next question."""
        self._entries.pop(key, None)

    def _entry(self, key: Key) -> _Entry[Value]:
        if key not in self._entries:
            oldest = self._now() - LONGEST_SECONDS
            self._entries = {k: e for k, e in self._entries.items() if e.read_at >= oldest or e.reading.locked()}
        return self._entries.setdefault(key, _Entry())

    def _fresh(self, entry: _Entry[Value]) -> Value | None:
        return entry.value if self._now() - entry.read_at < self._ttl else None
