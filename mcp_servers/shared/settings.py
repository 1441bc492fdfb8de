"""Settings that every integration server has. Each server adds its own in its folder's ``settings.py``."""

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.deadlines import Deadlines
from contracts.meta import Role
from contracts.modes import Mode

SANDBOX_BEARER = "sandbox"


class SettingsError(Exception):
    """The start must stop. The message is one line that names the variable and the fix."""


class ServerSettings(BaseSettings):
    """Read once per process, handed down. Names are the environment's, in any case.

    Fields are never populated by their own names: ``PORT`` or ``MODE`` of somebody else's would change this server.
    """

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True)

    mode: Annotated[Mode, Field(validation_alias="VOXIE_MODE")] = Mode.LIVE
    """demo or live. Only `voxie up` and the compose profile demo set demo."""
    state: Annotated[Path, Field(validation_alias="VOXIE_STATE")] = Path(".voxie")
    """Folder of local secrets and SQLite files."""
    host: Annotated[str, Field(validation_alias="MCP_SERVER_HOST")] = "127.0.0.1"
    """Where an MCP server listens."""
    port: Annotated[int | None, Field(validation_alias="MCP_SERVER_PORT", ge=1, le=65535)] = None
    """Its port; each server has its own default."""
    auth: Annotated[Literal["static", "jwks"], Field(validation_alias="MCP_AUTH")] = "static"
    """static: one bearer. jwks: call tokens of the backend. Exclusive."""
    server_token: Annotated[SecretStr | None, Field(validation_alias="MCP_SERVER_TOKEN", min_length=16)] = None
    """The static bearer, 16 characters or more; made into the state folder when unset."""
    static_role: Annotated[Role, Field(validation_alias="MCP_STATIC_ROLE")] = Role.PUBLIC
    """Who a client with the static bearer is when it does not say; a desktop client of the owner sets ``owner``."""
    issuer_url: Annotated[str | None, Field(validation_alias="MCP_ISSUER_URL")] = None
    """The backend, which issues call tokens; needed with ``MCP_AUTH=jwks``."""
    resource: Annotated[str | None, Field(validation_alias="MCP_RESOURCE")] = None
    """Resource id of this server (audience of call tokens); the manifest's own when unset."""
    service_token: Annotated[SecretStr | None, Field(validation_alias="MCP_SERVICE_TOKEN")] = None
    """Authenticates this server to the backend's broker; worth nothing without a live call token."""
    read_seconds: Annotated[float, Field(validation_alias="MCP_READ_SECONDS", gt=0, le=120)] = Deadlines.read
    """How long a tool that only reads may take, seconds; a client that wants the answer sooner says so."""
    write_seconds: Annotated[float, Field(validation_alias="MCP_WRITE_SECONDS", gt=0, le=120)] = Deadlines.write
    """The same of a tool that changes something. What has begun is brought to a known end beyond it."""
    log_format: Annotated[Literal["json", "console"], Field(validation_alias="VOXIE_LOG_FORMAT")] = "json"
    """json or console."""
    show_client: Annotated[bool, Field(validation_alias="MCP_SHOW_CLIENT")] = True
    """Whether the start prints a client configuration to paste; `voxie up`, whose agents need none, turns it off."""
    allowed_hosts: Annotated[str, Field(validation_alias="MCP_ALLOWED_HOSTS")] = ""
    """Further Host values, separated by commas, such as a public name or ``calendar:3002`` in compose."""
    otlp_endpoint: Annotated[
        str | None, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", pattern=r"^https?://")
    ] = None
    """An OpenTelemetry collector, over HTTP, such as http://127.0.0.1:4318; no traces when unset."""
    ledger_url: Annotated[SecretStr | None, Field(validation_alias="VOXIE_LEDGER_URL")] = None
    """PostgreSQL for several replicas; a SQLite file in the state folder when unset."""
    ledger_secret: Annotated[SecretStr | None, Field(validation_alias="VOXIE_LEDGER_SECRET", min_length=32)] = None
    """What makes operation ids unguessable; the same for every replica of a shared ledger."""

    @property
    def deadlines(self) -> Deadlines:
        """How long a tool may take."""
        return Deadlines(read=self.read_seconds, write=self.write_seconds)

    @property
    def demo(self) -> bool:
        """Whether this process runs in demo mode."""
        return self.mode is Mode.DEMO

    @model_validator(mode="after")
    def _jwks_needs_an_issuer(self) -> Self:
        if self.auth == "jwks" and not self.issuer_url:
            msg = "MCP_ISSUER_URL is missing: with MCP_AUTH=jwks set it to the backend's URL"
            raise ValueError(msg)
        if self.auth == "jwks" and self.server_token is not None:
            msg = "MCP_SERVER_TOKEN is set beside MCP_AUTH=jwks: the two are exclusive, remove one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _replicas_share_a_secret(self) -> Self:
        if self.ledger_url is not None and self.ledger_secret is None and not self.demo:
            msg = "VOXIE_LEDGER_SECRET is missing: replicas that share VOXIE_LEDGER_URL need the same 32 or more characters"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _live_refuses_the_sandbox(self) -> Self:
        if self.demo:
            return self
        for name, value in self:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            if plain == SANDBOX_BEARER:
                variable = type(self).model_fields[name].validation_alias or name
                msg = f"{variable} holds the sandbox's bearer: live mode never uses it, set the real credential"
                raise ValueError(msg)
        return self


SettingsT = TypeVar("SettingsT", bound=ServerSettings)


def load_settings(
    settings_type: type[SettingsT], *, prefix: str, others: Collection[str] = (), **overrides: Any
) -> SettingsT:
    """Read and check a server's settings.

    Args:
        settings_type: the server's own settings.
        prefix: the server's own prefix, such as ``ZAPIER_``; an unknown name with it is refused.
        others: names with that prefix which other rooms read, such as the backend's OAuth client; one file may hold all.
        overrides: values for tests.

    Raises:
        SettingsError: a variable is missing, wrong or unknown; the message names it and the fix.
    """
    known = {str(field.validation_alias or name).upper() for name, field in settings_type.model_fields.items()}
    _refuse_unknown(_names_in_sight(settings_type) - set(others), prefix, known)
    try:
        return settings_type(**overrides)
    except ValidationError as error:
        raise SettingsError(_first_problem(error)) from None


def _names_in_sight(settings_type: type[ServerSettings]) -> set[str]:
    names = {name.upper() for name in os.environ}
    env_file = Path(str(settings_type.model_config.get("env_file") or ".env"))
    if env_file.is_file():
        names |= {name.upper() for name in dotenv_values(env_file, interpolate=False)}
    return names


def _refuse_unknown(names: Iterable[str], prefix: str, known: set[str]) -> None:
    for name in sorted(names):
        if name.startswith(prefix) and name not in known:
            msg = f"{name} is not a setting of this server; it knows {', '.join(sorted(k for k in known if k.startswith(prefix)))}"
            raise SettingsError(msg)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else ""
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {message}" if name else message
