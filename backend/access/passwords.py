"""Passwords, by argon2. It takes a while by design, so it runs beside the event loop."""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# OWASP's parameters: 19 MiB, so that a wave of logins does not fill the memory.
_hasher = PasswordHasher(memory_cost=19_456, time_cost=2, parallelism=1)


async def hash_password(password: str) -> str:
    """What is kept of a password."""
    return await asyncio.to_thread(_hasher.hash, password)


async def is_password(password: str, hashed: str | None) -> bool:
    """Whether it is the one; takes as long when there is none to compare with, so that nobody learns who is known."""
    return await asyncio.to_thread(_verify, password, hashed)


def _verify(password: str, hashed: str | None) -> bool:
    try:
        return _hasher.verify(hashed or _nobodys(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher.hash("the password of nobody")
