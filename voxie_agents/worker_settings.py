"""Settings that every LiveKit worker needs. Each worker adds its own in its ``settings.py``."""

from typing import Annotated, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

HOW_TO_GET_LIVEKIT = "a LiveKit server, such as ws://127.0.0.1:7880 (scripts/get_livekit.sh), or LiveKit Cloud"


class SettingsError(Exception):
    """The start must stop. The message is one line that names the variable and the fix."""


class WorkerSettings(BaseSettings):
    """Read once per process, handed down."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    livekit_url: Annotated[str, Field(validation_alias="LIVEKIT_URL", pattern=r"^(wss?|https?)://")]
    livekit_api_key: Annotated[str, Field(validation_alias="LIVEKIT_API_KEY", min_length=1)]
    livekit_api_secret: Annotated[SecretStr, Field(validation_alias="LIVEKIT_API_SECRET", min_length=1)]
    backend_url: Annotated[str, Field(validation_alias="VOXIE_BACKEND_URL", pattern=r"^https?://")] = (
        "http://127.0.0.1:8000"
    )
    backend_token: Annotated[SecretStr, Field(validation_alias="BACKEND_SERVICE_TOKEN", min_length=16)]
    otlp_endpoint: Annotated[
        str | None, Field(validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT", pattern=r"^https?://")
    ] = None
    """An OpenTelemetry collector, over HTTP; no traces when unset."""
    host: Annotated[str, Field(validation_alias="WORKER_HOST")] = "127.0.0.1"
    """Where health is served."""


FIXES = {
    "LIVEKIT_URL": HOW_TO_GET_LIVEKIT,
    "LIVEKIT_API_KEY": "the key of that LiveKit server (devkey with --dev)",
    "LIVEKIT_API_SECRET": "the secret of that LiveKit server (secret with --dev)",
    "BACKEND_SERVICE_TOKEN": "what the backend runs with, 16 characters or more",
}
S = TypeVar("S", bound=WorkerSettings)


def load(kind: type[S]) -> S:
    """Read and check the settings.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    try:
        return kind()  # pyright: ignore[reportCallIssue] - the fields come from the environment
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        name = str(problem["loc"][0]).removesuffix("_SPAWNER")
        state = "is missing" if problem["type"] == "missing" else f"is wrong ({problem['msg']})"
        raise SettingsError(f"{name} {state}: set it to {FIXES.get(name, 'a value that fits')}") from None
