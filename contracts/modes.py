"""Demo or live. Live is every service's default."""

from enum import StrEnum


class Mode(StrEnum):
    """Only ``voxie up`` and the compose profile ``demo`` set demo."""

    DEMO = "demo"
    LIVE = "live"
