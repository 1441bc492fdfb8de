"""Makes the files that follow from settings and manifests: ``.env.example`` and ``docker-compose.mcp.yml``.

``--check`` only says whether they are as they would be made.
"""

import sys
from enum import Enum
from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from backend.settings import BackendSettings
from contracts.manifest import Manifest
from mcp_servers.shared.manifest_files import integration_folders, load_manifest
from mcp_servers.shared.settings import ServerSettings
from sandbox.settings import SandboxSettings
from voxie_agents.settings import AgentSettings

ROOT = Path(__file__).resolve().parent.parent

ENV_HEAD = """\
# Made by `make generate` from settings and manifests; do not edit.
# Every variable of every service. Copy to .env and fill in what you use; `voxie up` (demo mode) needs none of them.
# Each service reads only its own, and refuses an unknown name with its own prefix.
"""

ROOMS: dict[str, type[BaseSettings]] = {
    "every MCP server": ServerSettings,
    "backend": BackendSettings,
    "agents": AgentSettings,
    "sandbox (demo mode and tests only)": SandboxSettings,
}

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
    parts = [ENV_HEAD]
    told: set[str] = set()
    for room, settings in ROOMS.items():
        parts.append(f"\n# --- {room} ---\n")
        # A variable that several rooms read is told once.
        entries = {name: entry for name, entry in _entries(settings).items() if name not in told}
        told |= entries.keys()
        parts += entries.values()
    for manifest in manifests.values():
        parts.append(f"\n# --- {manifest.title} ---\n")
        default_url = f"http://127.0.0.1:{manifest.service.port}/mcp"
        parts.append(f"# Where agents find this server.\n#{manifest.service.url_variable}={default_url}\n")
        if manifest.oauth is not None:
            client = f"#{manifest.oauth.client_id_variable}=\n#{manifest.oauth.client_secret_variable}=\n"
            parts.append(
                f"# The backend's OAuth client at the vendor, for owners who connect their accounts.\n{client}"
            )
        for variable in manifest.variables:
            needed = " Needed when the server runs alone in live mode." if variable.required else ""
            parts.append(f"# {variable.description}.{needed}\n#{variable.name}={variable.default or ''}\n")
    return "".join(parts)


def _entries(settings: type[BaseSettings]) -> dict[str, str]:
    prefix = str(settings.model_config.get("env_prefix") or "")
    entries: dict[str, str] = {}
    for field_name, field in settings.model_fields.items():
        name = str(field.validation_alias or prefix + field_name).upper()
        description = " ".join((field.description or "").replace("``", "`").split())
        if not description:
            raise SystemExit(f"{settings.__name__}.{field_name} has no docstring; say what it is for")
        default = "" if field.default in {None, PydanticUndefined} else field.default
        shown = (
            default.value
            if isinstance(default, Enum)
            else str(default).lower()
            if isinstance(default, bool)
            else default
        )
        entries[name] = f"# {description}\n#{name}={shown}\n"
    return entries


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
        environment |= {"VOXIE_MODE": "demo", "BACKEND_SANDBOX_URL": "http://sandbox:3010"}
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
