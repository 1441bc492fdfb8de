"""A chore, and the list of all of them."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True)
class Chore:
    """Something that is done again and again.

    Args:
        name: unique; it stands in metrics and in the chores' database.
        schedule: when, as a cron expression of six fields in UTC: seconds first.
        run: does it, and says to how many things. It is safe to do twice and beside another replica, and it looks up by
            itself what is due: a run that was missed is made up for by the next.
    """

    name: str
    schedule: str
    run: Callable[[], Awaitable[int]]


class Chores:
    """The chores of an app: each noun adds its own."""

    def __init__(self) -> None:
        self._by_name: dict[str, Chore] = {}

    def add(self, name: str, schedule: str, run: Callable[[], Awaitable[int]]) -> None:
        """Add one; see ``Chore``."""
        assert name not in self._by_name, f"two chores are named {name}"
        self._by_name[name] = Chore(name, schedule, run)

    def __iter__(self) -> Iterator[Chore]:
        """All of them."""
        return iter(self._by_name.values())

    def __contains__(self, name: str) -> bool:
        """Whether there is one."""
        return name in self._by_name

    async def run(self, name: str) -> int:
        """Do one now.

        Args:
            name: of the chore.

        Returns:
            To how many things it was done.

        Raises:
            KeyError: there is none of that name.
        """
        return await self._by_name[name].run()


@dataclass(frozen=True)
class ChoreSettings:
    """How chores are done.

    Args:
        database: URL of a database of their own.
        executor: this replica's name, the same after a restart: it takes up its own runs again.
    """

    database: SecretStr
    executor: str
