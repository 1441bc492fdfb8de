"""Every integration server on a real socket: the two of the product, and the one that a new integration copies."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_servers._template.server import create as create_template
from mcp_servers._template.settings import TemplateSettings
from tests.fakes.vendor import vendor
from tests.mcp_servers.wire import Door
from tests.running import running
from tests.world import TOKEN, open_world

SERVERS = ["template", "google-calendar", pytest.param("zapier", marks=pytest.mark.needs_zapier)]
AVAILABILITY = {"start": "2026-11-24T19:00:00", "end": "2026-11-24T20:30:00"}
OWNER = {"voxie/role": "owner"}


@asynccontextmanager
async def open_doors(state: Path) -> AsyncGenerator[dict[str, Door]]:
    """Start every server with what stands behind it; the Zapier part may have been removed."""
    async with (
        open_world(state) as world,
        vendor() as stand_in,
        running(create_template(template_settings(stand_in.url, state))) as template,
    ):
        assert world.calendar is not None
        doors = [
            Door("template", template.url, TOKEN, "template_get_item", {"item_id": "item-1"}),
            Door("google-calendar", world.calendar.url, TOKEN, "calendar_check_availability", AVAILABILITY),
        ]
        if world.zapier is not None:
            doors.append(Door("zapier", world.zapier.url, TOKEN, "zapier_list_zaps", {}, OWNER))
        try:
            yield {door.name: door for door in doors}
        finally:
            for door in doors:
                await door.http.aclose()


def template_settings(vendor_url: str, state: Path) -> TemplateSettings:
    """Of the template server in demo mode."""
    return TemplateSettings(
        _env_file=None,
        VOXIE_MODE="demo",
        VOXIE_STATE=str(state),
        MCP_SERVER_TOKEN=TOKEN,
        TEMPLATE_API_KEY="sandbox",
        TEMPLATE_API_URL=f"{vendor_url}/template/",
    )
