"""The model that talks, by settings: an OpenAI-compatible one, else the brain without a key. Same code, same tools."""

from typing import Any

from livekit.agents import llm

from voxie_agents.offline import OfflineLLM
from voxie_agents.settings import AgentSettings

NO_KEY_NEEDED = "none"
"""A server of one's own takes any key."""


def open_llm(settings: AgentSettings) -> llm.LLM[Any]:
    """The LLM of a session."""
    if settings.offline:
        return OfflineLLM()
    # Imported here: it costs a second that the offline path need not pay.
    from livekit.plugins import openai  # noqa: PLC0415

    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else NO_KEY_NEEDED
    if settings.llm_base_url:
        return openai.LLM(model=settings.llm_model, api_key=key, base_url=settings.llm_base_url, temperature=0.2)
    return openai.LLM(model=settings.llm_model, api_key=key, temperature=0.2)
