"""The operator's own servers, read from their manifests as data: no integration is imported here."""

import tomllib
from pathlib import Path

from contracts.manifest import Manifest

SERVERS_FOLDER = Path(__file__).resolve().parents[2] / "mcp_servers"


def load_manifests(servers: Path = SERVERS_FOLDER) -> list[Manifest]:
    """The manifests of the integrations that are there, in the order of their names.

    Args:
        servers: the folder with one folder per integration; those that begin with ``_`` are none.

    Raises:
        pydantic.ValidationError: a manifest is wrong.
    """
    files = sorted(path for path in servers.glob("*/manifest.toml") if not path.parent.name.startswith("_"))
    return [Manifest.model_validate(tomllib.loads(path.read_text())) for path in files]
