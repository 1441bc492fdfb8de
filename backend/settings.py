"""Settings of the backend."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.manifest import Manifest
from contracts.modes import Mode

SANDBOX_BEARER = "sandbox"


class SettingsError(Exception):
    """The start must stop. The message is one line that names the variable and the fix."""


class BackendSettings(BaseSettings):
    """Read once per process, handed down."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, populate_by_name=True)

    mode: Annotated[Mode, Field(validation_alias="VOXIE_MODE")] = Mode.LIVE
    state: Annotated[Path, Field(validation_alias="VOXIE_STATE")] = Path(".voxie")
    host: Annotated[str, Field(validation_alias="BACKEND_HOST")] = "127.0.0.1"
    port: Annotated[int, Field(validation_alias="BACKEND_PORT", ge=1, le=65535)] = 8000
    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    """PostgreSQL; a SQLite file in the state folder when unset."""
    service_token: Annotated[SecretStr | None, Field(validation_alias="BACKEND_SERVICE_TOKEN", min_length=16)] = None
    """What workers and the command line authenticate with."""
    mcp_server_token: Annotated[SecretStr | None, Field(validation_alias="MCP_SERVER_TOKEN")] = None
    """The static bearer of the MCP servers."""

    @property
    def demo(self) -> bool:
        """Whether this process runs in demo mode."""
        return self.mode is Mode.DEMO

    @property
    def database(self) -> str:
        """An SQLAlchemy async URL."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.state / 'backend.sqlite3'}"
        url = self.database_url.get_secret_value()
        for plain in ("postgresql://", "postgres://"):
            if url.startswith(plain):
                return "postgresql+asyncpg://" + url.removeprefix(plain)
        return url

    @model_validator(mode="after")
    def _has_its_tokens(self) -> Self:
        for variable, token, purpose in (
            ("BACKEND_SERVICE_TOKEN", self.service_token, "what workers authenticate with"),
            ("MCP_SERVER_TOKEN", self.mcp_server_token, "the bearer of the MCP servers"),
        ):
            if token is None:
                msg = f"{variable} is missing: set it to a random string of 16 characters or more ({purpose})"
                raise ValueError(msg)
            if not self.demo and token.get_secret_value() == SANDBOX_BEARER:
                msg = f"{variable} holds the sandbox's bearer: live mode never uses it, set a secret one"
                raise ValueError(msg)
        return self


def load_settings() -> BackendSettings:
    """Read and check the settings.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    try:
        return BackendSettings()
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {message}" if name else message) from None


def server_urls(manifests: list[Manifest]) -> dict[str, str]:
    """Where each integration's server is: its own variable, else its default port on this machine."""
    return {
        manifest.name: os.environ.get(manifest.service.url_variable) or f"http://127.0.0.1:{manifest.service.port}/mcp"
        for manifest in manifests
    }
