"""The brain without a key: it talks by rules, and works through the same tools and results as any model."""

from voxie_agents.offline.brain import OFFLINE_NOTICE
from voxie_agents.offline.llm import OfflineLLM

__all__ = ["OFFLINE_NOTICE", "OfflineLLM"]
