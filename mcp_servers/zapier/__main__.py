"""``python -m mcp_servers.zapier``."""

from mcp_servers.shared.run import run_server
from mcp_servers.zapier.server import MANIFEST, create
from mcp_servers.zapier.settings import PREFIX, ZapierSettings

if __name__ == "__main__":
    run_server(MANIFEST, ZapierSettings, prefix=PREFIX, create=create)
