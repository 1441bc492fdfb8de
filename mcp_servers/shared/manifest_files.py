"""Finding and reading ``manifest.toml`` files."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from contracts.manifest import Manifest

SERVERS_FOLDER = Path(__file__).resolve().parent.parent


class ManifestError(Exception):
    """A manifest is missing or wrong; the message names the file, the field and the fix."""


def load_manifest(folder: Path) -> Manifest:
    """Read one integration's manifest.

    Args:
        folder: the integration's folder.

    Raises:
        ManifestError: no file, not TOML, or not a manifest.
    """
    path = folder / "manifest.toml"
    try:
        return Manifest.model_validate(tomllib.loads(path.read_text()))
    except FileNotFoundError:
        msg = f"{folder.name}/manifest.toml is missing"
        raise ManifestError(msg) from None
    except tomllib.TOMLDecodeError as error:
        msg = f"{folder.name}/manifest.toml is not TOML: {error}"
        raise ManifestError(msg) from None
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        msg = f"{folder.name}/manifest.toml: {where}: {problem['msg']}"
        raise ManifestError(msg) from None


def integration_folders(servers: Path = SERVERS_FOLDER) -> list[Path]:
    """The folders that hold an integration, in name order. ``_template`` and ``shared`` are none."""
    candidates = (path.parent for path in servers.glob("*/manifest.toml"))
    return sorted(folder for folder in candidates if not folder.name.startswith("_"))
