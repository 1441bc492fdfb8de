"""The brain without a key: it talks by rules, and works through the same tools and results as any model."""

from voxie_agents.offline.llm import OfflineLLM
from voxie_agents.offline.wording import OFFLINE_NOTICE

__all__ = ["OFFLINE_NOTICE", "OfflineLLM"]
