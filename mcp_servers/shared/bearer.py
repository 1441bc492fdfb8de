"""The static bearer of a server that runs alone: the operator's, or one that is made here and kept."""

import os
import secrets
from pathlib import Path

from mcp_servers.shared.settings import ServerSettings, SettingsError


def static_token(settings: ServerSettings, *, server: str) -> tuple[str, Path | None]:
    """The bearer of a server that runs alone, and the file it is kept in when it was made here.

    Raises:
        SettingsError: the state folder cannot be written.
    """
    if settings.server_token is not None:
        return settings.server_token.get_secret_value(), None
    path = settings.state / f"{server}.token"
    try:
        return _read_or_make(path), path
    except OSError as error:
        msg = (
            f"VOXIE_STATE: {path} cannot be written ({error.strerror}); name a folder that can, or set MCP_SERVER_TOKEN"
        )
        raise SettingsError(msg) from None


def _read_or_make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as file:
        file.write(token)
    return token
