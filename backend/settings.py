"""Settings of the backend."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.analytics.summaries import OPENAI, SummaryModel
from backend.calls.rooms import RoomSettings
from backend.chores.chore import ChoreSettings
from backend.connections.vendors import OAuthClient
from backend.registry.doors import ServerDoor
from backend.state_files import replica_name
from backend.tokens.keys import BadKey, KeyRing, key_ring, local_key_ring
from backend.vault.keys import BadVaultKey, KeyFile, KeySource, configured_keys
from contracts.manifest import Manifest
from contracts.modes import Mode
from voxie_agents.mcp_guard import UrlGuard

SANDBOX_BEARER = "sandbox"
SANDBOX_PORT = 3010
DEMO_CLIENT = ("voxie-demo", "voxie-demo-secret")
PREFIX = "BACKEND_"
DRIVERS = {
    "postgresql://": "postgresql+asyncpg://",
    "postgres://": "postgresql+asyncpg://",
    "sqlite://": "sqlite+aiosqlite://",
}
PRIVATE_HOST = re.compile(r"([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")
SERVER_URL = re.compile(r"MCP_[A-Z0-9_]+_URL")


class SettingsError(Exception):
    """The start must stop. The message is one line that names the variable and the fix."""


class StorageSettings(BaseSettings):
    """Where the backend's data is, and what its credentials are sealed with."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True)

    state: Annotated[Path, Field(validation_alias="VOXIE_STATE")] = Path(".voxie")
    """Folder of local secrets and SQLite files."""
    database_url: Annotated[SecretStr | None, Field(validation_alias="DATABASE_URL")] = None
    """PostgreSQL; a SQLite file in the state folder when unset."""
    vault_keys: Annotated[SecretStr | None, Field(validation_alias="BACKEND_VAULT_KEYS")] = None
    """Keys that credentials are sealed with, separated by commas; the first seals. Made here in demo mode."""

    @property
    def database(self) -> str:
        """An SQLAlchemy async URL."""
        if self.database_url is None:
            return f"sqlite+aiosqlite:///{self.state / 'backend.sqlite3'}"
        url = self.database_url.get_secret_value()
        for plain, driven in DRIVERS.items():
            if url.startswith(plain):
                return driven + url.removeprefix(plain)
        return url

    def key_file(self) -> KeyFile:
        """The keys of this copy's state folder."""
        return KeyFile(self.state)

    def key_source(self) -> KeySource:
        """The vault's keys."""
        return configured_keys(self.vault_keys) if self.vault_keys else self.key_file()

    @model_validator(mode="after")
    def _vault_keys_are_good(self) -> Self:
        try:
            if self.vault_keys is not None:
                configured_keys(self.vault_keys)
        except BadVaultKey as error:
            msg = f"BACKEND_VAULT_KEYS: {error}"
            raise ValueError(msg) from None
        return self


SettingsT = TypeVar("SettingsT", bound=StorageSettings)


class BackendSettings(StorageSettings):
    """Read once per process, handed down."""

    mode: Annotated[Mode, Field(validation_alias="VOXIE_MODE")] = Mode.LIVE
    """demo or live."""
    host: Annotated[str, Field(validation_alias="BACKEND_HOST")] = "127.0.0.1"
    """Where the backend listens."""
    port: Annotated[int, Field(validation_alias="BACKEND_PORT", ge=1, le=65535)] = 8000
    """Its port."""
    service_token: Annotated[SecretStr | None, Field(validation_alias="BACKEND_SERVICE_TOKEN", min_length=16)] = None
    """What workers and the command line authenticate with."""
    mcp_server_token: Annotated[SecretStr | None, Field(validation_alias="MCP_SERVER_TOKEN")] = None
    """The static bearer of the MCP servers."""
    mcp_auth: Annotated[Literal["static", "jwks"], Field(validation_alias="MCP_AUTH")] = "static"
    """What the MCP servers check: one static bearer, or the call tokens of this backend."""
    signing_keys: Annotated[SecretStr | None, Field(validation_alias="BACKEND_SIGNING_KEYS")] = None
    """Keys of call tokens, separated by commas; the first signs, all are published. Made here in demo mode."""
    public_url: Annotated[str | None, Field(validation_alias="BACKEND_PUBLIC_URL")] = None
    """Where people's browsers reach this backend; its host and port when unset."""
    mcp_service_token: Annotated[SecretStr | None, Field(validation_alias="MCP_SERVICE_TOKEN", min_length=16)] = None
    """What the MCP servers authenticate with at the broker; needed with call tokens."""
    sandbox_url: Annotated[str | None, Field(validation_alias="BACKEND_SANDBOX_URL")] = None
    """Where the sandbox is, in demo mode: the vendors' stand-in for everything that owners connect."""
    issuer_url: Annotated[str | None, Field(validation_alias="BACKEND_ISSUER_URL")] = None
    """The issuer of call tokens, as the servers' ``MCP_ISSUER_URL`` names it; the public URL when unset."""

    private_hosts: Annotated[str, Field(validation_alias="BACKEND_PRIVATE_HOSTS")] = ""
    """Hosts of MCP servers, separated by commas (``host`` or ``host:port``), that owners may add although they are not public or have no HTTPS."""

    ingest_batches: Annotated[int, Field(validation_alias="BACKEND_INGEST_BATCHES", ge=1, le=1000)] = 32
    """Batches of events that are worked on at once; who comes then is asked to come again."""
    does_chores: Annotated[bool, Field(validation_alias="BACKEND_CHORES")] = True
    """Whether this replica does chores: probes, summaries, what is removed in time. At least one must."""
    chores_url: Annotated[SecretStr | None, Field(validation_alias="BACKEND_CHORES_DATABASE_URL")] = None
    """A database for the state of chores alone: PostgreSQL for several replicas, a SQLite file in the state folder when unset."""
    executor_id: Annotated[
        str | None, Field(validation_alias="BACKEND_EXECUTOR_ID", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    ] = None
    """This replica's name, the same after a restart, so that it takes up its own chores; made into the state folder when unset."""
    openai_api_key: Annotated[SecretStr | None, Field(validation_alias="OPENAI_API_KEY")] = None
    """A model's key: agents talk with it and the backend summarises calls; without one the offline demo brain talks."""
    llm_base_url: Annotated[str | None, Field(validation_alias="VOXIE_LLM_BASE_URL", pattern=r"^https?://")] = None
    """Any OpenAI-compatible server instead; no key is needed with it."""
    llm_model: Annotated[str, Field(validation_alias="VOXIE_LLM_MODEL")] = "gpt-4.1-mini"
    """Which model."""
    livekit_url: Annotated[str | None, Field(validation_alias="LIVEKIT_URL")] = None
    """The LiveKit server of voice calls."""
    livekit_public_url: Annotated[str | None, Field(validation_alias="LIVEKIT_PUBLIC_URL")] = None
    """Where browsers reach it, when that differs."""
    livekit_key: Annotated[str | None, Field(validation_alias="LIVEKIT_API_KEY")] = None
    """Key of its API."""
    livekit_secret: Annotated[SecretStr | None, Field(validation_alias="LIVEKIT_API_SECRET")] = None
    """Secret of its API."""

    @property
    def rooms(self) -> RoomSettings | None:
        """Where voice calls happen; None without a LiveKit server."""
        if self.livekit_url is None or self.livekit_key is None or self.livekit_secret is None:
            return None
        public = self.livekit_public_url or self.livekit_url
        return RoomSettings(public, self.livekit_url, self.livekit_key, self.livekit_secret)

    @property
    def guard(self) -> UrlGuard:
        """What judges the addresses that owners give."""
        return UrlGuard(
            private=frozenset(host.strip().lower() for host in self.private_hosts.split(",") if host.strip())
        )

    @property
    def base_url(self) -> str:
        """Where people's browsers reach this backend, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def issuer(self) -> str:
        """What call tokens name as their issuer."""
        return (self.issuer_url or self.base_url).rstrip("/")

    @property
    def summary_model(self) -> SummaryModel | None:
        """What summarises calls; None when no model is configured."""
        if self.openai_api_key is None and self.llm_base_url is None:
            return None
        return SummaryModel(self.llm_base_url or OPENAI, self.llm_model, self.openai_api_key)

    @property
    def chores(self) -> ChoreSettings:
        """How chores are done."""
        url = self.chores_url or SecretStr(f"sqlite:///{self.state / 'chores.sqlite3'}")
        return ChoreSettings(url, self.executor_id or replica_name(self.state))

    def key_ring(self) -> KeyRing:
        """The keys of call tokens."""
        return key_ring(self.signing_keys) if self.signing_keys else local_key_ring(self.state)

    @property
    def demo(self) -> bool:
        """Whether this process runs in demo mode."""
        return self.mode is Mode.DEMO

    @model_validator(mode="after")
    def _live_has_vault_keys_and_no_sandbox(self) -> Self:
        if self.demo:
            return self
        if self.vault_keys is None:
            msg = "BACKEND_VAULT_KEYS is missing: credentials are sealed with it; `voxie keys new` prints one"
            raise ValueError(msg)
        if self.sandbox_url is not None:
            msg = "BACKEND_SANDBOX_URL is set: live mode never uses the sandbox, unset it"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _private_hosts_are_hosts(self) -> Self:
        wrong = [host for host in self.guard.private if not PRIVATE_HOST.fullmatch(host)]
        if wrong:
            msg = f"BACKEND_PRIVATE_HOSTS: {wrong[0]} is no host: write tools.lan or 10.0.0.5:8080, without https://"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _livekit_is_whole(self) -> Self:
        given = {
            "LIVEKIT_URL": self.livekit_url,
            "LIVEKIT_API_KEY": self.livekit_key,
            "LIVEKIT_API_SECRET": self.livekit_secret,
        }
        missing = [name for name, value in given.items() if not value]
        if missing and len(missing) < len(given):
            msg = f"{missing[0]} is missing: {', '.join(given)} go together"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _has_its_signing_keys(self) -> Self:
        if self.signing_keys is None:
            if self.demo or self.mcp_auth == "static":
                return self
            msg = "BACKEND_SIGNING_KEYS is missing: MCP_AUTH=jwks needs it in live mode; `voxie keys new` prints one"
            raise ValueError(msg)
        try:
            key_ring(self.signing_keys)
        except BadKey as error:
            msg = f"BACKEND_SIGNING_KEYS: {error}"
            raise ValueError(msg) from None
        return self

    @model_validator(mode="after")
    def _has_its_tokens(self) -> Self:
        needed = [("BACKEND_SERVICE_TOKEN", self.service_token, "what workers authenticate with")]
        if self.mcp_auth == "static":
            needed.append(("MCP_SERVER_TOKEN", self.mcp_server_token, "the bearer of the MCP servers"))
        else:
            needed.append(("MCP_SERVICE_TOKEN", self.mcp_service_token, "the MCP servers' own, at the broker"))
        for variable, token, purpose in needed:
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
        SettingsError: a variable is missing, wrong or unknown.
    """
    _refuse_unknown()
    settings = _read(BackendSettings)
    if not settings.demo:
        _refuse_the_sandbox()
    return settings


def load_storage(state: Path) -> StorageSettings:
    """Read what is needed to reach the stored data of a copy.

    Args:
        state: the copy's state folder.

    Raises:
        SettingsError: a variable is wrong.
    """
    return _read(StorageSettings, VOXIE_STATE=state)


def _read(settings_type: type[SettingsT], **values: Any) -> SettingsT:
    try:
        return settings_type(**values)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else ""
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name}: {message}" if name else message) from None


def _refuse_unknown() -> None:
    known = {str(field.validation_alias) for field in BackendSettings.model_fields.values()}
    names = {name.upper() for name in os.environ}
    env_file = Path(str(BackendSettings.model_config.get("env_file")))
    if env_file.is_file():
        lines = (line.strip() for line in env_file.read_text().splitlines())
        names |= {line.split("=", 1)[0].strip().upper() for line in lines if "=" in line and not line.startswith("#")}
    for name in sorted(names):
        if name.startswith(PREFIX) and name not in known:
            ours = ", ".join(sorted(name for name in known if name.startswith(PREFIX)))
            raise SettingsError(f"{name} is not a setting of the backend; it knows {ours}")


def _refuse_the_sandbox() -> None:
    for name, value in os.environ.items():
        if SERVER_URL.fullmatch(name) and _is_sandbox(value):
            raise SettingsError(f"{name} points at the sandbox: live mode never uses it, set the real server's URL")


def _is_sandbox(url: str) -> bool:
    parts = urlsplit(url)
    return parts.hostname == "sandbox" or parts.port == SANDBOX_PORT


def server_doors(manifests: list[Manifest]) -> dict[str, ServerDoor]:
    """Where each integration's server is: its own variable, else its default port on this machine.

    Its resource id is the manifest's, unless the variable beside it (``MCP_CALENDAR_RESOURCE``) says what the server was
    told with ``MCP_RESOURCE``.
    """
    doors: dict[str, ServerDoor] = {}
    for manifest in manifests:
        service = manifest.service
        url = os.environ.get(service.url_variable) or f"http://127.0.0.1:{service.port}/mcp"
        resource = os.environ.get(service.url_variable.removesuffix("_URL") + "_RESOURCE") or service.resource
        doors[manifest.name] = ServerDoor(manifest.name, url, resource, manifest.title)
    return doors


def oauth_clients(manifests: list[Manifest], *, demo: bool) -> dict[str, OAuthClient]:
    """The operator's OAuth client at each vendor, from the variables that the manifest names; the sandbox takes any.

    Raises:
        SettingsError: one of the two is set without the other.
    """
    clients: dict[str, OAuthClient] = {}
    for manifest in manifests:
        if manifest.oauth is None:
            continue
        names = manifest.oauth.client_variables
        client_id, secret = (os.environ.get(name, "") for name in names)
        if bool(client_id) != bool(secret):
            raise SettingsError(f"{names[1] if client_id else names[0]} is missing: {' and '.join(names)} go together")
        if demo and not client_id:
            client_id, secret = DEMO_CLIENT
        if client_id:
            clients[manifest.name] = OAuthClient(client_id, SecretStr(secret))
    return clients
