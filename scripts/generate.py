"""Makes the files that follow from settings and manifests: ``.env.example`` and ``docker-compose.mcp.yml``.

``--check`` only says whether they are as they would be made.
"""

import sys
from pathlib import Path

from contracts.manifest import Manifest
from mcp_servers.shared.manifest_files import integration_folders, load_manifest

ROOT = Path(__file__).resolve().parent.parent

COMMON = """\
# Every variable of every service. Copy to .env and fill in what you use; `voxie up` (demo mode) needs none of them.
# Each service reads only its own, and refuses an unknown name with its own prefix.

# --- all services ---
# demo or live; live is the default. Only `voxie up` and the compose profile demo set demo.
#VOXIE_MODE=live
# Folder of local secrets and SQLite files.
#VOXIE_STATE=.voxie

# --- every MCP server ---
# Where it listens.
#MCP_SERVER_HOST=127.0.0.1
# Its port; each server has its own default.
#MCP_SERVER_PORT=
# static: one bearer. jwks: call tokens of the backend. Exclusive.
#MCP_AUTH=static
# The static bearer, 16 characters or more; made into the state folder when unset.
#MCP_SERVER_TOKEN=
# Who a client with the static bearer is when it does not say: public, or owner for your own desktop client.
#MCP_STATIC_ROLE=public
# The backend's URL, with MCP_AUTH=jwks.
#MCP_ISSUER_URL=
# This server's resource id (audience of call tokens); the manifest's when unset.
#MCP_RESOURCE=
# Authenticates this server to the backend's broker.
#MCP_SERVICE_TOKEN=
# Whether the start prints a client configuration to paste.
#MCP_SHOW_CLIENT=true
# Further Host values to answer to, separated by commas, such as calendar.example.com.
#MCP_ALLOWED_HOSTS=
# PostgreSQL for a ledger that several replicas share; a SQLite file when unset.
#VOXIE_LEDGER_URL=
# json or console.
#VOXIE_LOG_FORMAT=json

# --- backend ---
#BACKEND_HOST=127.0.0.1
#BACKEND_PORT=8000
# What workers and the command line authenticate with, 16 characters or more.
#BACKEND_SERVICE_TOKEN=
# PostgreSQL; a SQLite file in the state folder when unset.
#DATABASE_URL=

# --- agents ---
# A model; without one the offline demo brain talks.
#OPENAI_API_KEY=
# Any OpenAI-compatible server instead.
#VOXIE_LLM_BASE_URL=
#VOXIE_LLM_MODEL=gpt-4.1-mini
# LiveKit, for voice calls.
#LIVEKIT_URL=
#LIVEKIT_API_KEY=
#LIVEKIT_API_SECRET=

# --- sandbox (demo mode and tests only) ---
#SANDBOX_HOST=127.0.0.1
#SANDBOX_PORT=3010
#SANDBOX_STATE=.voxie
# IANA zone of the demo calendar; the machine's when unset.
#SANDBOX_ZONE=
# Where clients reach it, when that is not its host and port.
#SANDBOX_PUBLIC_URL=
"""

COMPOSE_HEAD = """\
# Made by `make generate` from the manifests; do not edit.
# Demo:  docker compose -f docker-compose.mcp.yml --profile demo up --build
# Live:  docker compose -f docker-compose.mcp.yml --profile live up --build   (with a filled-in .env)
# Set MCP_SERVER_TOKEN and BACKEND_SERVICE_TOKEN in .env first; compose stops without them.
x-service: &service
  build: {context: ., dockerfile: deploy/Dockerfile}
  restart: unless-stopped
  env_file: [{path: .env, required: false}]

services:
"""


def main() -> int:
    """Write the files, or compare them."""
    manifests = {folder.name: load_manifest(folder) for folder in integration_folders()}
    wanted = {".env.example": env_example(manifests), "docker-compose.mcp.yml": compose(manifests)}
    stale = [name for name, text in wanted.items() if not _is(ROOT / name, text)]
    if "--check" in sys.argv:
        print(f"stale: {', '.join(stale)}; run `make generate`" if stale else "generated files are current")
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).write_text(wanted[name])
        print(f"wrote {name}")
    return 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


def env_example(manifests: dict[str, Manifest]) -> str:
    """Every variable, with what it is for."""
    parts = [COMMON]
    for manifest in manifests.values():
        parts.append(f"\n# --- {manifest.title} ---\n")
        default_url = f"http://127.0.0.1:{manifest.service.port}/mcp"
        parts.append(f"# Where agents find this server.\n#{manifest.service.url_variable}={default_url}\n")
        for variable in manifest.variables:
            needed = " Needed when the server runs alone in live mode." if variable.required else ""
            parts.append(f"# {variable.description}.{needed}\n#{variable.name}={variable.default or ''}\n")
    return "".join(parts)


def compose(manifests: dict[str, Manifest]) -> str:
    """One service per integration, the backend, and each again in demo mode beside the sandbox."""
    parts = [COMPOSE_HEAD]
    for demo in (False, True):
        parts += [_server(folder, manifest, demo=demo) for folder, manifest in manifests.items()]
        parts.append(_backend(manifests, demo=demo))
    parts.append(
        _entry(
            "sandbox",
            "sandbox",
            3010,
            {"SANDBOX_HOST": "0.0.0.0", "SANDBOX_STATE": "/state", "SANDBOX_PUBLIC_URL": "http://sandbox:3010"},
            demo=True,
        )
    )
    parts.append("\nvolumes:\n  state:\n  demo-state:\n")
    return "".join(parts)


def _server(folder: str, manifest: Manifest, *, demo: bool) -> str:
    environment = {
        "VOXIE_STATE": "/state",
        "MCP_SERVER_HOST": "0.0.0.0",
        "MCP_SERVER_PORT": str(manifest.service.port),
        "MCP_SERVER_TOKEN": "${MCP_SERVER_TOKEN:?set it in .env}",
        "MCP_ALLOWED_HOSTS": f"{_name(manifest.name, demo=demo)}:{manifest.service.port}",
    }
    if demo:
        environment["VOXIE_MODE"] = "demo"
        environment |= {
            v.name: v.demo.replace("{sandbox}", "http://sandbox:3010") for v in manifest.variables if v.demo
        }
    return _entry(manifest.name, f"mcp_servers.{folder}", manifest.service.port, environment, demo=demo)


def _backend(manifests: dict[str, Manifest], *, demo: bool) -> str:
    environment = {
        "VOXIE_STATE": "/state",
        "BACKEND_HOST": "0.0.0.0",
        "BACKEND_SERVICE_TOKEN": "${BACKEND_SERVICE_TOKEN:?set it in .env}",
        "MCP_SERVER_TOKEN": "${MCP_SERVER_TOKEN:?set it in .env}",
    }
    if demo:
        environment["VOXIE_MODE"] = "demo"
    for manifest in manifests.values():
        host = _name(manifest.name, demo=demo)
        environment[manifest.service.url_variable] = f"http://{host}:{manifest.service.port}/mcp"
    return _entry("backend", "backend", 8000, environment, demo=demo)


def _name(name: str, *, demo: bool) -> str:
    return f"demo-{name}" if demo and name != "sandbox" else name


def _entry(name: str, module: str, port: int, environment: dict[str, str], *, demo: bool) -> str:
    lines = [f"  {_name(name, demo=demo)}:", "    <<: *service", f"    command: [python, -m, {module}]"]
    lines.append(f"    profiles: [{'demo' if demo else 'live'}]")
    lines.append(f'    ports: ["127.0.0.1:{port}:{port}"]')
    lines.append(f"    volumes: [{'demo-state' if demo else 'state'}:/state]")
    lines.append("    environment:")
    lines += [f"      {key}: {_quoted(value)}" for key, value in environment.items()]
    return "\n".join(lines) + "\n\n"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(main())
