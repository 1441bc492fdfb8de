"""How fast an account may be sent to: never more than a number of requests in any window of a length."""

import math
from dataclasses import dataclass


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
