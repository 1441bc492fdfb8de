"""Settings of the agents: which models talk, hear and speak."""

from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.deadlines import Deadlines


class AgentSettings(BaseSettings):
    """Read once per process, handed down."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, use_attribute_docstrings=True)

    openai_api_key: Annotated[SecretStr | None, Field(validation_alias="OPENAI_API_KEY")] = None
    """A model's key; without one the offline demo brain talks."""
    llm_base_url: Annotated[str | None, Field(validation_alias="VOXIE_LLM_BASE_URL")] = None
    """Any OpenAI-compatible server; no key is needed with it."""
    llm_model: Annotated[str, Field(validation_alias="VOXIE_LLM_MODEL")] = "gpt-4.1-mini"
    """Which model."""

    stt_model: Annotated[str, Field(validation_alias="VOXIE_STT_MODEL")] = "gpt-4o-mini-transcribe"
    """What hears a caller."""
    tts_model: Annotated[str, Field(validation_alias="VOXIE_TTS_MODEL")] = "gpt-4o-mini-tts"
    """What speaks."""
    tts_voice: Annotated[str, Field(validation_alias="VOXIE_TTS_VOICE")] = "ash"
    """The voice it has."""
    read_seconds: Annotated[float, Field(validation_alias="MCP_READ_SECONDS", gt=0, le=120)] = Deadlines.read
    """How long a caller waits for a tool that only reads, seconds; as the MCP servers have it."""
    write_seconds: Annotated[float, Field(validation_alias="MCP_WRITE_SECONDS", gt=0, le=120)] = Deadlines.write
    """The same of a tool that changes something."""
    listing_seconds: Annotated[float, Field(validation_alias="MCP_LISTING_SECONDS", gt=0, le=120)] = Deadlines.listing
    """How long a turn waits for servers whose tools are not known yet, seconds."""

    silence_seconds: Annotated[float, Field(validation_alias="VOXIE_SILENCE_SECONDS", gt=0, le=120)] = Deadlines.silence
    """After how long a caller who has stopped speaking hears that something goes on, seconds."""
    answer_seconds: Annotated[float, Field(validation_alias="VOXIE_ANSWER_SECONDS", gt=0, le=120)] = Deadlines.answer
    """How long a caller waits for the model's next words before the agent says that it cannot answer, seconds."""

    @property
    def deadlines(self) -> Deadlines:
        """How long a caller waits."""
        return Deadlines(
            read=self.read_seconds,
            write=self.write_seconds,
            listing=self.listing_seconds,
            silence=self.silence_seconds,
            answer=self.answer_seconds,
        )

    @property
    def offline(self) -> bool:
        """Whether the brain without a key talks."""
        return self.openai_api_key is None and self.llm_base_url is None
