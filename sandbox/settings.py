"""Settings of the sandbox."""

from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import tzlocal
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

FALLBACK_ZONE = "UTC"


class SandboxSettings(BaseSettings):
    """Read once per process."""

    model_config = SettingsConfigDict(
        env_prefix="SANDBOX_", env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True
    )

    host: str = "127.0.0.1"
    """Where the sandbox listens."""
    port: Annotated[int, Field(ge=1, le=65535)] = 3010
    """Its port."""
    state: Path = Path(".voxie")
    """Folder of its SQLite file."""
    zone: str = Field(default_factory=lambda: tzlocal.get_localzone_name() or FALLBACK_ZONE)
    """IANA name of the demo calendar's zone; the machine's own unless set."""
    public_url: str | None = None
    """Where clients reach the sandbox when that is not its host and port, as in compose."""

    @field_validator("zone")
    @classmethod
    def _zone_exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            msg = f"SANDBOX_ZONE: {name} is not an IANA time zone such as Europe/Madrid"
            raise ValueError(msg) from None
        return name

    @property
    def base_url(self) -> str:
        """Where clients reach it, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def database_url(self) -> str:
        """The SQLite file that outlives a restart."""
        return f"sqlite+aiosqlite:///{self.state / 'sandbox.sqlite3'}"


def load_settings() -> SandboxSettings:
    """Read the settings.

    Raises:
        ValueError: one is wrong; the message names it and the fix.
    """
    try:
        return SandboxSettings()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise ValueError(f"SANDBOX_{name.upper()}: {problem['msg'].removeprefix('Value error, ')}") from None
