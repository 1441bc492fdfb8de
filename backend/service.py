"""What the services of most nouns are made of."""

from collections.abc import Callable
from datetime import datetime

from backend.db import Database


class Service:
    """Works on rows of the database.

    Args:
        database: where they are.
        now: the current instant, aware.
    """

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
