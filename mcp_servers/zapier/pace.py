"""How fast an account may be sent to: never more than a number of requests in any window of a length, by all replicas."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from mcp_servers.shared.ledger.tables import metadata

accounts = sa.Table(
    "zapier_accounts",
    metadata,
    sa.Column("account", sa.String(128), primary_key=True),
    sa.Column("used_until", sa.Text, nullable=False),
    sa.Column("paused_until", sa.Float, nullable=False),
)

# Made once, as each trigger runs them.
BY_ACCOUNT = sa.select(accounts).where(accounts.c.account == sa.bindparam("wanted"))
USE = sa.update(accounts).where(accounts.c.account == sa.bindparam("wanted"))


@dataclass(frozen=True)
class Limit:
    """At most ``most`` requests within any ``seconds``.

    It is kept as the instant up to which the rate is used up, which two numbers describe and any replica can go on from. A
    sixth of the allowance may come at once; the rest is spread evenly, so that no window ever holds more than ``most``.
    """

    most: int
    seconds: float

    @property
    def burst(self) -> int:
        """How many may go at once."""
        return max(1, self.most // 6)

    @property
    def interval(self) -> float:
        """Seconds between two when the burst is used up."""
        return self.seconds / max(1, self.most - self.burst)

    def free(self, used_until: float, now: float) -> int:
        """How many may go now."""
        ahead = max(used_until, now) - now
        return max(0, math.floor(((self.burst - 1) * self.interval - ahead) / self.interval + 1 + 1e-9))

    def use(self, used_until: float, now: float, count: int) -> float:
        """The instant up to which the rate is used up after ``count`` more."""
        return max(used_until, now) + count * self.interval


class Pace:
    """What is left of each account's allowance. Each method runs in a transaction that serialises the account.

    Args:
        limits: of each account; all of them hold.
    """

    def __init__(self, limits: Sequence[Limit]) -> None:
        self._limits = limits

    async def use(self, connection: AsyncConnection, account: str, *, wanted: int, now: float) -> int:
        """How many of the wanted requests may go now; they are counted as gone."""
        if wanted == 0:
            return 0
        row = (await connection.execute(BY_ACCOUNT, {"wanted": account})).first()
        used: list[float] = json.loads(row.used_until) if row else []
        used += [0.0] * (len(self._limits) - len(used))
        if row is not None and row.paused_until > now:
            return 0
        free = min([wanted, *(limit.free(until, now) for limit, until in zip(self._limits, used, strict=False))])
        if free == 0:
            return 0
        after = [limit.use(until, now, free) for limit, until in zip(self._limits, used, strict=False)]
        values = {"used_until": json.dumps(after)}
        if row is None:
            await connection.execute(sa.insert(accounts), {"account": account, "paused_until": 0.0, **values})
        else:
            await connection.execute(USE, {"wanted": account, **values})
        return free

    async def pause(self, connection: AsyncConnection, account: str, *, until: float) -> None:
        """Let nothing of an account go before an instant."""
        later = sa.and_(accounts.c.account == account, accounts.c.paused_until < until)
        await connection.execute(sa.update(accounts).where(later).values(paused_until=until))
