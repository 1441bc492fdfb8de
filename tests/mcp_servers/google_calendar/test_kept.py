"""What is kept of an account ends when nobody asks for it any more: a process serves many, for months."""

import gc
import weakref

from mcp_servers.google_calendar.kept import Kept
from mcp_servers.google_calendar.limits import Limiter
from tests.clock import Clock


class Value:
    """Something that was read."""


async def read() -> Value:
    return Value()


async def test_what_nobody_asked_for_within_a_day_is_forgotten_when_another_comes() -> None:
    clock = Clock()
    kept: Kept[str, Value] = Kept(ttl=300, now=clock.seconds)
    old, young = weakref.ref(await kept.get("old", read)), weakref.ref(await kept.get("young", read))
    clock.advance(hours=23)
    await kept.get("young", read)
    clock.advance(hours=2)
    await kept.get("new", read)
    gc.collect()
    assert old() is None
    assert await kept.get("young", read) is not young(), "it was read anew"


async def test_a_limiter_remembers_no_account_that_has_its_whole_allowance() -> None:
    now = 0.0
    limiter = Limiter(600, clock=lambda: now)
    for number in range(100):
        assert limiter.allows(f"account {number}")
    now = 60.0
    assert limiter.allows("another")
    assert len(limiter._buckets) == 1
    for _ in range(59):
        assert limiter.allows("another")
    assert not limiter.allows("another"), "what is used up is not forgotten"
    assert limiter.allows("a third")
    assert not limiter.allows("another")
