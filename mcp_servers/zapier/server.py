"""Puts the Zapier server together."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from mcp_servers.shared.app import create_app
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.ledger import LedgerDatabase, Operations, Writer
from mcp_servers.shared.manifest_files import load_manifest
from mcp_servers.shared.tools import ToolSpec
from mcp_servers.zapier.client import Zapier
from mcp_servers.zapier.settings import ZapierSettings
from mcp_servers.zapier.tools import ZapierTools

MANIFEST = load_manifest(Path(__file__).parent)


class ZapierIntegration:
    """The server's parts and their lifetime.

    Args:
        settings: of this server.
        now: seconds since 1970; injected in tests.
    """

    instructions = "Triggers the business's Zaps by the names of their hooks. Say a write's speech as it is."

    def __init__(self, settings: ZapierSettings, *, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._outbound = Outbound.open()
        self._database = LedgerDatabase.for_service(
            MANIFEST.name,
            state=settings.state,
            url=settings.ledger_url.get_secret_value() if settings.ledger_url else None,
            secret=settings.ledger_secret,
            now=now,
        )
        self._writer = Writer(Operations(self._database))
        api_key = settings.api_key.get_secret_value() if settings.api_key else None
        zapier = Zapier(self._outbound, api_url=settings.api_url, api_key=api_key)
        self._tools = ZapierTools(zapier, settings.hooks, self._writer, demo=settings.demo, now=now)

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        """Zapier's tools."""
        return self._tools.specs()

    async def start(self) -> None:
        """Nothing to open: the pool and the ledger open at their first use."""

    async def problem(self) -> str | None:
        """Whether there is anything to trigger."""
        return None if self._settings.hooks else "no hook is configured: set ZAPIER_WEBHOOK_URL or ZAPIER_HOOKS"

    async def aclose(self) -> None:
        """Finish the deliveries under way, then close."""
        await self._writer.aclose()
        await self._outbound.aclose()
        await self._database.aclose()


def create(settings: ZapierSettings, *, now: Callable[[], float] = time.time) -> Starlette:
    """The server's ASGI app."""
    return create_app(MANIFEST, settings, ZapierIntegration(settings, now=now))
