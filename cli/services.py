"""The services of this copy. What an integration needs stands in its manifest; nothing about a vendor is known here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.errors import Stop
from cli.state import State
from contracts.manifest import Manifest
from contracts.modes import Mode
from mcp_servers.shared.manifest_files import ManifestError, integration_folders, load_manifest

SANDBOX_PORT, BACKEND_PORT = 3010, 8000
SANDBOX, BACKEND = "sandbox", "backend"


@dataclass(frozen=True)
class Service:
    """One process.

    Args:
        name: as in ``voxie serve NAME``.
        module: what Python runs.
        port: where it listens on loopback.
        path: what its URL ends with.
        about: a few words for people.
        environment: what it is told.
    """

    name: str
    module: str
    port: int
    path: str
    about: str
    environment: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def base(self) -> str:
        """Its address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address for clients."""
        return self.base + self.path


def manifests() -> dict[Path, Manifest]:
    """The integrations that are there, by folder.

    Raises:
        Stop: a manifest is wrong.
    """
    try:
        return {folder: load_manifest(folder) for folder in integration_folders()}
    except ManifestError as error:
        raise Stop(str(error)) from None


def services(state: State, mode: Mode) -> dict[str, Service]:
    """Every service of this copy by name, in the order to start them.

    Args:
        state: whose ports and secrets.
        mode: demo adds the sandbox and what the manifests say for demo.
    """
    found: list[Service] = []
    if mode is Mode.DEMO:
        found.append(_sandbox(state))
    found += [_integration(state, mode, folder, manifest) for folder, manifest in manifests().items()]
    found.append(_backend(state, mode))
    return {service.name: service for service in found}


def integrations(state: State) -> dict[str, Service]:
    """The MCP servers alone, by name."""
    return {manifest.name: _integration(state, Mode.DEMO, folder, manifest) for folder, manifest in manifests().items()}


def sandbox_url(state: State) -> str:
    """Where this copy's sandbox is."""
    return f"http://127.0.0.1:{state.port(SANDBOX_PORT)}"


def backend_url(state: State) -> str:
    """Where this copy's backend is."""
    return f"http://127.0.0.1:{state.port(BACKEND_PORT)}"


def _common(state: State, mode: Mode) -> dict[str, str]:
    return {"VOXIE_MODE": mode.value, "VOXIE_STATE": str(state.folder), "VOXIE_LOG_FORMAT": "console"}


def _sandbox(state: State) -> Service:
    port = state.port(SANDBOX_PORT)
    environment = {"SANDBOX_PORT": str(port), "SANDBOX_STATE": str(state.folder)}
    return Service(SANDBOX, "sandbox", port, "", "stand-ins for Google and Zapier", environment)


def _integration(state: State, mode: Mode, folder: Path, manifest: Manifest) -> Service:
    port = state.port(manifest.service.port)
    environment = {
        **_common(state, mode),
        "MCP_AUTH": "static",
        "MCP_SERVER_PORT": str(port),
        "MCP_SERVER_TOKEN": state.secrets["MCP_SERVER_TOKEN"],
    }
    if mode is Mode.DEMO:
        for variable in manifest.variables:
            if variable.demo:
                environment[variable.name] = variable.demo.replace("{sandbox}", sandbox_url(state))
    return Service(manifest.name, f"mcp_servers.{folder.name}", port, "/mcp", manifest.title, environment)


def _backend(state: State, mode: Mode) -> Service:
    port = state.port(BACKEND_PORT)
    urls = {
        manifest.service.url_variable: os.environ.get(manifest.service.url_variable)
        or f"http://127.0.0.1:{state.port(manifest.service.port)}/mcp"
        for manifest in manifests().values()
    }
    environment = {**_common(state, mode), **urls, **state.secrets, "BACKEND_PORT": str(port)}
    if mode is Mode.DEMO:
        environment["BACKEND_SANDBOX_URL"] = sandbox_url(state)
    return Service(BACKEND, "backend", port, "", "agents and calls", environment)
