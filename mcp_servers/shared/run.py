"""Running one server as a process: the same for every integration."""

import gc
import importlib
import json
import pkgutil
import socket
import sys
from pathlib import Path

import uvicorn

from contracts.manifest import Manifest
from mcp_servers.shared.bearer import static_token
from mcp_servers.shared.manifest_files import load_manifest
from mcp_servers.shared.settings import ServerSettings, SettingsError, SettingsT, load_settings
from mcp_servers.shared.telemetry import configure_logging
from process.http import configured
from tracing import start_tracing


def run_server(folder: Path, settings_type: type[SettingsT], *, prefix: str, create: str) -> None:
    """Read the settings, bind, tell how to connect, serve until stopped.

    Args:
        folder: of the integration, where its manifest is.
        settings_type: of the integration.
        prefix: of its variables.
        create: what makes the ASGI app from the settings, as ``module:function``. Imported when the settings are right:
            a wrong one is said at once, not after the seconds that the libraries take.
    """
    manifest = load_manifest(folder)
    try:
        others = manifest.oauth.client_variables if manifest.oauth else ()
        settings = load_settings(settings_type, prefix=prefix, others=others)
        port = settings.port or manifest.service.port
        app = pkgutil.resolve_name(create)(settings)
        listener = _listen(settings.host, port)
    except SettingsError as error:
        sys.exit(f"{manifest.name}: {error}")
    configure_logging(service=manifest.name, json_lines=settings.log_format == "json")
    stop_tracing = start_tracing(manifest.name, settings.otlp_endpoint)
    _tell(manifest, settings, port)
    # Imported now: its first use inside a call would stall the event loop for 70 ms.
    importlib.import_module("jsonschema")
    # What lives from the start lives for ever: not walking it keeps the collector's pauses short.
    gc.collect()
    gc.freeze()
    uvicorn.Server(configured(app, grace=10)).run(sockets=[listener])
    stop_tracing()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=512)
    except OSError as error:
        msg = f"MCP_SERVER_PORT: cannot listen on {host}:{port} ({error.strerror}); stop what uses it or choose another port"
        raise SettingsError(msg) from None


def _tell(manifest: Manifest, settings: ServerSettings, port: int) -> None:
    """Say where the server is and how a client connects. A bearer is never printed, only where it is kept."""
    url = f"http://{settings.host}:{port}/mcp"
    lines = [f"{manifest.title} MCP server: {url} ({settings.mode.value})"]
    if settings.auth == "static" and settings.show_client:
        _, path = static_token(settings, server=manifest.name)
        where = f"the content of {path}" if path else "the value of MCP_SERVER_TOKEN"
        client = {
            "mcpServers": {
                manifest.name: {"type": "http", "url": url, "headers": {"Authorization": f"Bearer <{where}>"}}
            }
        }
        lines.append("For MCP Inspector or a desktop client, paste:")
        lines.append(json.dumps(client, indent=2))
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
