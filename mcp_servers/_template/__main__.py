"""``python -m mcp_servers._template``."""

from mcp_servers._template.server import MANIFEST, create
from mcp_servers._template.settings import PREFIX, TemplateSettings
from mcp_servers.shared.run import run_server

if __name__ == "__main__":
    run_server(MANIFEST, TemplateSettings, prefix=PREFIX, create=create)
