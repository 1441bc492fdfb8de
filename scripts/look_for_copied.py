"""Looks who knows of ``mcp_servers/copied``; run by ``one_folder.py`` within a copy that holds it."""

import asyncio
import sys
import tempfile
from pathlib import Path

from mcp_servers.copied.server import create
from mcp_servers.copied.settings import TemplateSettings

from backend.registry.manifests import load_manifests
from cli.services import services
from cli.state import State
from contracts.modes import Mode
from tests.running import running
from voxie_agents.mcp_client import McpClient

TOKEN = "a-token-for-the-copied-server"


def main() -> int:
    """Look in each place that reads manifests."""
    with tempfile.TemporaryDirectory() as folder:
        known = services(State(Path(folder)), Mode.DEMO)
        places = {
            "voxie up, serve, doctor and tools": "copied" in known,
            "the backend's registry": "copied" in [manifest.name for manifest in load_manifests()],
            "the backend is told its URL": "MCP_TEMPLATE_URL" in known["backend"].environment,
            "its own tool list": asyncio.run(_lists_its_tool(Path(folder))),
        }
    for place, knows in places.items():
        print(f"{'ok' if knows else 'MISSING'}: {place}")
    return 0 if all(places.values()) else 1


async def _lists_its_tool(state: Path) -> bool:
    settings = TemplateSettings(
        _env_file=None, VOXIE_MODE="demo", VOXIE_STATE=state, MCP_SERVER_TOKEN=TOKEN, TEMPLATE_API_KEY="x"
    )
    async with running(create(settings)) as served:
        client = McpClient(served.url, token=settings.server_token)
        try:
            return [tool.name for tool in await client.list_tools()] == ["template_get_item"]
        finally:
            await client.aclose()


if __name__ == "__main__":
    sys.exit(main())
