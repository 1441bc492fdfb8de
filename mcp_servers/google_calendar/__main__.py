"""``python -m mcp_servers.google_calendar``."""

from mcp_servers.google_calendar.server import MANIFEST, create
from mcp_servers.google_calendar.settings import PREFIX, GoogleCalendarSettings
from mcp_servers.shared.run import run_server

if __name__ == "__main__":
    run_server(MANIFEST, GoogleCalendarSettings, prefix=PREFIX, create=create)
