"""The state folder of one copy: its secrets, its ports, its databases."""

import json
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from cli.errors import Stop

SECRET_NAMES = ("MCP_SERVER_TOKEN", "BACKEND_SERVICE_TOKEN")
SECRETS_FILE = "secrets.json"


@dataclass(frozen=True)
class State:
    """Where this copy keeps its things, and how far its ports are moved.

    Args:
        folder: the state folder.
        port_offset: added to every port.
    """

    folder: Path
    port_offset: int = 0

    def port(self, default: int) -> int:
        """A port of this copy.

        Raises:
            Stop: it is out of range.
        """
        moved = default + self.port_offset
        if not 1 <= moved <= 65535:
            raise Stop(f"--port-offset {self.port_offset} moves port {default} out of range; choose a smaller offset")
        return moved

    @cached_property
    def secrets(self) -> dict[str, str]:
        """The local secrets, made at first use (mode 0600).

        Raises:
            Stop: the folder cannot be written, or the file is not ours.
        """
        path = self.folder / SECRETS_FILE
        try:
            if not self.folder.exists():
                self.folder.mkdir(parents=True, mode=0o700)
                # Wherever it lies, its secrets and its callers are not to be committed with what lies around it.
                (self.folder / ".gitignore").write_text("*\n")
            if not path.exists():
                _write_new(path, {name: secrets.token_urlsafe(32) for name in SECRET_NAMES})
            stored = cast("dict[str, str]", json.loads(path.read_text()))
        except OSError as error:
            raise Stop(
                f"cannot write the state folder {self.folder} ({error.strerror}); name another with --state"
            ) from None
        except ValueError:
            raise Stop(f"{path} is damaged; delete it, and a new one is made") from None
        missing = [name for name in SECRET_NAMES if name not in stored]
        if missing:
            raise Stop(f"{path} lacks {', '.join(missing)}; delete it, and a new one is made")
        return stored

    def options(self) -> str:
        """The options that name this copy on a command line; empty for the default one."""
        parts: list[str] = []
        if self.folder != Path(".voxie"):
            parts.append(f"--state {self.folder}")
        if self.port_offset:
            parts.append(f"--port-offset {self.port_offset}")
        return "".join(f" {part}" for part in parts)


def _write_new(path: Path, content: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file)
