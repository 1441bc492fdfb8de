"""What one vendor's stand-in gives to the sandbox app.

A part is a subpackage of ``sandbox`` whose ``__init__`` defines ``create_part(context)``. The app finds parts by looking,
so that a folder can be added or removed without another edit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.routing import BaseRoute


@dataclass(frozen=True)
class SandboxContext:
    """What every part is handed: the shared database, the clock and where the sandbox is reached."""

    engine: AsyncEngine
    now: Callable[[], datetime]
    """The current instant, always aware and in UTC."""
    zone: ZoneInfo
    """The zone of the demo account's calendar (the machine's, unless a setting says otherwise)."""
    base_url: str
    """Where clients reach the sandbox, without a trailing slash: ``http://127.0.0.1:3010``."""


class SandboxPart(Protocol):
    """One vendor's stand-in."""

    name: str

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's own paths, and this part's inspection paths below ``/_sandbox/<name>/``."""
        ...

    async def start(self) -> None:
        """Create tables and the demo account where they are missing; a restart loses nothing."""
        ...

    async def reset(self) -> None:
        """Bring the part back to the state of a new database."""
        ...

    async def aclose(self) -> None:
        """Release what the part holds apart from the shared engine."""
        ...
