"""The speech stack by settings. Without a speech credential a call is by text alone, in the same room and session."""

from typing import Any

from livekit.agents.voice.room_io import RoomOptions

from voxie_agents.settings import AgentSettings

TEXT_ONLY = "calls are by text alone: set OPENAI_API_KEY for speech"


def hears(settings: AgentSettings) -> bool:
    """Whether there is a credential for speech. An own LLM server says nothing of speech."""
    return settings.openai_api_key is not None


def speech_options(settings: AgentSettings) -> dict[str, Any]:
    """What an ``AgentSession`` hears and speaks with; everything that would ask a cloud for turns is off."""
    if settings.openai_api_key is None:
        return {"vad": None, "turn_handling": {"turn_detection": None, "interruption": {"mode": "vad"}}}
    # Imported here: it costs a second that text need not pay.
    from livekit.plugins import openai  # noqa: PLC0415

    key = settings.openai_api_key.get_secret_value()
    return {
        "stt": openai.STT(model=settings.stt_model, api_key=key, language="en"),
        "tts": openai.TTS(model=settings.tts_model, voice=settings.tts_voice, api_key=key),
        "turn_handling": {"turn_detection": "vad", "interruption": {"mode": "vad"}},
    }


def room_options(settings: AgentSettings) -> RoomOptions:
    """How a session uses its room: text always, sound where there is speech."""
    audio = hears(settings)
    return RoomOptions(text_input=True, text_output=True, audio_input=audio, audio_output=audio)
