"""``python -m mcp_servers.zapier``."""

from pathlib import Path

from mcp_servers.shared.run import run_server
from mcp_servers.zapier.settings import PREFIX, ZapierSettings

if __name__ == "__main__":
    run_server(Path(__file__).parent, ZapierSettings, prefix=PREFIX, create="mcp_servers.zapier.server:create")
