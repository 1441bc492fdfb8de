"""``python -m mcp_servers.google_calendar``."""

from pathlib import Path

from mcp_servers.google_calendar.settings import PREFIX, GoogleCalendarSettings
from mcp_servers.shared.run import run_server

if __name__ == "__main__":
    run_server(
        Path(__file__).parent, GoogleCalendarSettings, prefix=PREFIX, create="mcp_servers.google_calendar.server:create"
    )
