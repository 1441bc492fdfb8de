"""``python -m mcp_servers._template``."""

from pathlib import Path

from mcp_servers._template.settings import PREFIX, TemplateSettings
from mcp_servers.shared.run import run_server

if __name__ == "__main__":
    run_server(Path(__file__).parent, TemplateSettings, prefix=PREFIX, create="mcp_servers._template.server:create")
