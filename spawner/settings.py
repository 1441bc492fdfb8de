"""Settings of the spawner."""

from typing import Annotated

from pydantic import AliasChoices, Field

from voxie_agents.worker_settings import WorkerSettings


class SpawnerSettings(WorkerSettings):
    """Read once per process, handed down."""

    livekit_url: Annotated[
        str,
        Field(validation_alias=AliasChoices("LIVEKIT_URL_SPAWNER", "LIVEKIT_URL"), pattern=r"^(wss?|https?)://"),
    ]
    port: Annotated[int, Field(validation_alias="SPAWNER_PORT", ge=1, le=65535)] = 8082
    """Of its health."""
