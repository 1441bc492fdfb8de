"""Settings of the Zapier server."""

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel, ConfigDict, Field, Json, SecretStr, field_validator, model_validator

from mcp_servers.shared.settings import ServerSettings

PREFIX = "ZAPIER_"
HOOKS_HOST = "hooks.zapier.com"
API_HOST = "api.zapier.com"
ACTIONS_HOST = "sdkapi.zapier.com"
TOKEN_HOST = "zapier.com"  # noqa: S105 - a name
DEFAULT_HOOK = "default"


class Hook(BaseModel):
    """One named catch hook. Its URL is its credential."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr
    title: str = ""
    key_fields: tuple[str, ...] = ()
    """The payload's fields that make two deliveries the same; all of them when empty."""
    payload_schema: dict[str, Any] | None = None
    """JSON Schema of the payload, which is checked before sending and shown to the model."""
    retry_safe: bool = False
    """A delivery whose outcome is unknown is sent again: set it when the Zap sorts out repetitions by the delivery id."""
    contact_on_file: str | None = None
    """For records (test results, bills): the field that refers to a person whose contact the Zap looks up. No address
    may come from the call then."""

    @field_validator("payload_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            try:
                Draft202012Validator.check_schema(schema)
            except SchemaError as error:
                msg = f"payload_schema is not a JSON Schema: {error.message[:200]}"
                raise ValueError(msg) from None
        return schema

    @field_validator("url", mode="before")
    @classmethod
    def _is_http(cls, url: object) -> object:
        plain = url.get_secret_value() if isinstance(url, SecretStr) else str(url)
        if urlsplit(plain).scheme not in {"http", "https"}:
            msg = "not an http(s) URL; copy it from the Zap's Catch Hook step"
            raise ValueError(msg)
        return url


class ZapierSettings(ServerSettings):
    """What the server needs beside the common settings."""

    webhook_url: Annotated[SecretStr | None, Field(validation_alias="ZAPIER_WEBHOOK_URL")] = None
    named_hooks: Annotated[Json[dict[str, Hook]] | None, Field(validation_alias="ZAPIER_HOOKS")] = None
    api_key: Annotated[SecretStr | None, Field(validation_alias="ZAPIER_API_KEY")] = None
    api_url: Annotated[str, Field(validation_alias="ZAPIER_API_URL")] = "https://api.zapier.com/"

    disable_path: Annotated[str, Field(validation_alias="ZAPIER_DISABLE_PATH", pattern=r"^/.*\{id\}")] = (
        "/v2/zaps/{id}/disable"
    )
    """Where a Zap is turned off. Unverified: Zapier documents only ``/enable``."""
    client_id: Annotated[str | None, Field(validation_alias="ZAPIER_CREDENTIALS_CLIENT_ID")] = None
    client_secret: Annotated[SecretStr | None, Field(validation_alias="ZAPIER_CREDENTIALS_CLIENT_SECRET")] = None
    actions_url: Annotated[str, Field(validation_alias="ZAPIER_ACTIONS_URL")] = (
        "https://sdkapi.zapier.com/api/v0/sdk/zapier"
    )
    token_url: Annotated[str, Field(validation_alias="ZAPIER_TOKEN_URL")] = "https://zapier.com/oauth/token/"  # noqa: S105 - a URL
    hook_seconds: Annotated[float, Field(validation_alias="ZAPIER_HOOK_SECONDS", gt=0, le=60)] = 10.0
    """How long one request to a hook may take."""
    acceptance_seconds: Annotated[float, Field(validation_alias="ZAPIER_ACCEPTANCE_SECONDS", gt=0, le=60)] = 1.5
    """How long a caller waits for Zapier to take a delivery. It is stored before, and goes on after."""
    per_second: Annotated[int, Field(validation_alias="ZAPIER_RATE_PER_SECOND", ge=1)] = 30
    per_five_minutes: Annotated[int, Field(validation_alias="ZAPIER_RATE_PER_5_MINUTES", ge=1)] = 10_000
    longest_pause: Annotated[float, Field(validation_alias="ZAPIER_LONGEST_PAUSE_SECONDS", gt=0)] = 900.0
    """The longest pause between two tries where Zapier asks for none: what waits leaves that soon after an outage."""
    most_refusals: Annotated[int, Field(validation_alias="ZAPIER_MOST_TRIES", ge=1)] = 30
    """Refusals after which a delivery is a dead letter; not reaching Zapier at all does not count."""
    give_up_hours: Annotated[float, Field(validation_alias="ZAPIER_GIVE_UP_HOURS", gt=0)] = 72.0

    @property
    def hooks(self) -> dict[str, Hook]:
        """Every hook by its name."""
        single = {DEFAULT_HOOK: Hook(url=self.webhook_url)} if self.webhook_url else {}
        return {**single, **(self.named_hooks or {})}

    @model_validator(mode="after")
    def _live_talks_to_zapier_only(self) -> Self:
        if self.demo:
            return self
        for name, hook in self.hooks.items():
            if not is_zapiers(hook):
                variable = "ZAPIER_WEBHOOK_URL" if name == DEFAULT_HOOK and self.webhook_url else "ZAPIER_HOOKS"
                msg = f"{variable}: the hook {name!r} is not at https://{HOOKS_HOST}; live mode sends nowhere else"
                raise ValueError(msg)
        places = {
            "ZAPIER_API_URL": (self.api_url, API_HOST),
            "ZAPIER_ACTIONS_URL": (self.actions_url, ACTIONS_HOST),
            "ZAPIER_TOKEN_URL": (self.token_url, TOKEN_HOST),
        }
        for variable, (url, host) in places.items():
            if not _is_at(url, host):
                msg = f"{variable} is not at https://{host}: live mode talks to Zapier only; unset it"
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _client_is_whole(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            missing = "ID" if self.client_id is None else "SECRET"
            msg = f"ZAPIER_CREDENTIALS_CLIENT_{missing} is missing: the two go together"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _has_a_credential(self) -> Self:
        if self.auth == "static" and not self.hooks and self.api_key is None and self.client_id is None:
            msg = "ZAPIER_WEBHOOK_URL is missing: set it to the URL of a catch hook (Webhooks by Zapier → Catch Hook)"
            raise ValueError(msg)
        return self


def is_zapiers(hook: Hook) -> bool:
    """Whether a hook is at Zapier, where alone live mode sends."""
    return _is_at(hook.url.get_secret_value(), HOOKS_HOST)


def _is_at(url: str, host: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.hostname == host
