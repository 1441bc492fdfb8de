"""Puts the template server together."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from mcp_servers._template.client import Vendor
from mcp_servers._template.settings import TemplateSettings
from mcp_servers._template.tools import TemplateTools
from mcp_servers.shared.app import create_app
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.manifest_files import load_manifest
from mcp_servers.shared.tools import ToolSpec

MANIFEST = load_manifest(Path(__file__).parent)


class TemplateIntegration:
    """The server's parts and their lifetime.

    Args:
        settings: of this server.
    """

    instructions = "Looks up items at the vendor."

    def __init__(self, settings: TemplateSettings) -> None:
        assert settings.api_key is not None, "checked by the settings"
        self._outbound = Outbound.open(settings.deadlines)
        vendor = Vendor(self._outbound, api_url=settings.api_url, api_key=settings.api_key.get_secret_value())
        self._tools = TemplateTools(vendor)

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        """Its tools."""
        return self._tools.specs()

    async def start(self) -> None:
        """Nothing to open: the pool opens at its first use."""

    async def problem(self) -> str | None:
        """Always ready once the settings are right."""
        return None

    async def aclose(self) -> None:
        """Close the pool."""
        await self._outbound.aclose()


def create(settings: TemplateSettings) -> Starlette:
    """The server's ASGI app."""
    return create_app(MANIFEST, settings, TemplateIntegration(settings))
