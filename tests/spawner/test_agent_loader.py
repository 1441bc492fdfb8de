"""What a job needs: its call, registered if it came by phone, and bearers that are renewed in time and once."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest
import respx
from pydantic import SecretStr

from backend.agents.seed import demo_agents
from contracts.calls import CallBootstrap, RenewedAccess, ServerAccess
from spawner.agent_loader import CallJob, CallTokens, PhoneLine, load_call
from tests.clock import Clock
from tests.patience import SECONDS
from voxie_agents.backend_client import BackendAway, BackendClient, NoSuchCall

URL = "http://backend.test"
BOOTSTRAP = CallBootstrap(call_id="c1", agent=demo_agents()[0], servers=())
LINE = PhoneLine(dialled="+15550100", number="+15550199", room="sip-1")


async def line() -> PhoneLine:
    return LINE


async def no_line() -> PhoneLine:
    raise AssertionError("a call that is registered has no line to wait for")


def backend() -> BackendClient:
    respx.post(f"{URL}/api/calls/c1/bootstrap").respond(text=BOOTSTRAP.model_dump_json())
    return BackendClient(URL, SecretStr("a-service-token-of-tests"), pauses=())


@respx.mock
async def test_a_call_that_was_registered_is_bootstrapped() -> None:
    async with backend() as one:
        assert await load_call(one, CallJob(agent_id="restaurant", call_id="c1"), no_line) == BOOTSTRAP


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (CallJob(), {"dialled": "+15550100", "caller": "tel:+15550199", "room": "sip-1"}),
        (CallJob(agent_id="restaurant"), {"agent_id": "restaurant", "caller": "tel:+15550199"}),
    ],
    ids=["by the dialled number", "by the agent that the rule names"],
)
@respx.mock
async def test_a_phone_call_is_registered_first(job: CallJob, told: dict[str, str]) -> None:
    registered = respx.post(f"{URL}/api/calls").mock(return_value=httpx.Response(201, json={"id": "c1"}))
    async with backend() as one:
        assert await load_call(one, job, line) == BOOTSTRAP
    assert json.loads(registered.calls.last.request.content) == told


@respx.mock
async def test_a_line_that_does_not_say_what_was_dialled_belongs_to_no_agent() -> None:
    async def silent() -> PhoneLine:
        return PhoneLine(dialled=None, number=None, room="sip-1")

    async with backend() as one:
        with pytest.raises(NoSuchCall):
            await load_call(one, CallJob(), silent)


@pytest.mark.parametrize(
    "number",
    [None, "", "anonymous", "Anonymous", "Restricted", "unavailable", "+266696687", "7378742833", "a@b", "+1 555"],
)
def test_callers_who_withhold_their_number_are_nobody_rather_than_all_the_same_person(number: str | None) -> None:
    assert PhoneLine(dialled="+15550100", number=number, room="r").caller is None


@pytest.mark.parametrize("number", ["+15550199", "015550199", "101"])
def test_a_number_names_its_caller(number: str) -> None:
    assert PhoneLine(dialled="+15550100", number=number, room="r").caller == f"tel:{number}"


def access(clock: Clock, token: str, **lives: float) -> ServerAccess:
    expires = clock.now() + timedelta(**lives) if lives else None
    return ServerAccess(name="calendar", url="http://x", token=SecretStr(token), token_expires_at=expires)


class Renewal:
    """Gives new tokens and counts."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times = 0
        self.away = False
        self.hangs: asyncio.Event | None = None

    async def __call__(self) -> RenewedAccess:
        self.times += 1
        await (self.hangs.wait() if self.hangs else asyncio.sleep(0))
        if self.away:
            raise BackendAway("no")
        return RenewedAccess(servers=(access(self.clock, f"new-{self.times}", minutes=10),))


async def test_a_token_is_renewed_at_half_of_its_life_and_once_for_all_who_ask() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    tokens = CallTokens([access(clock, "old", minutes=10)], renewal, now=clock.now, patience=SECONDS)
    bearer = tokens.source("calendar")
    assert await bearer(None) == "old"
    clock.advance(minutes=5, seconds=1)
    assert await asyncio.gather(*(bearer(None) for _ in range(10))) == ["new-1"] * 10
    assert renewal.times == 1


async def test_a_refused_token_is_renewed_and_a_renewed_one_is_not_renewed_for_the_old_ones_sake() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    bearer = CallTokens([access(clock, "old", minutes=10)], renewal, now=clock.now).source("calendar")
    assert await asyncio.gather(bearer("old"), bearer("old")) == ["new-1"] * 2
    assert renewal.times == 1


async def test_while_the_backend_is_away_the_old_token_is_used() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    renewal.away = True
    bearer = CallTokens([access(clock, "old", minutes=4)], renewal, now=clock.now).source("calendar")
    assert await bearer(None) == "old"


async def test_a_backend_that_hangs_holds_up_no_call_whose_token_is_still_good() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    renewal.hangs = asyncio.Event()
    tokens = CallTokens([access(clock, "old", minutes=4)], renewal, now=clock.now, patience=0.0)
    bearer = tokens.source("calendar")
    async with asyncio.timeout(SECONDS):
        assert await asyncio.gather(bearer(None), bearer(None)) == ["old"] * 2
        renewal.hangs.set()
        # Whoever needs another one waits for it.
        assert await bearer("old") == "new-1"
    assert renewal.times == 1


async def test_what_is_asked_for_in_vain_ends_with_the_call() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    renewal.hangs = asyncio.Event()
    tokens = CallTokens([access(clock, "old", minutes=4)], renewal, now=clock.now, patience=0.0)
    assert await tokens.source("calendar")(None) == "old"
    before = len(asyncio.all_tasks())
    await tokens.aclose()
    assert len(asyncio.all_tasks()) == before - 1


async def test_a_caller_who_hangs_up_takes_the_new_token_from_nobody() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    renewal.hangs = asyncio.Event()
    bearer = CallTokens([access(clock, "old", minutes=4)], renewal, now=clock.now).source("calendar")
    first, second = (asyncio.create_task(bearer("old")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    renewal.hangs.set()
    async with asyncio.timeout(SECONDS):
        assert await second == "new-1"
    assert renewal.times == 1


async def test_a_static_bearer_is_never_renewed() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    bearer = CallTokens([access(clock, "static")], renewal, now=clock.now).source("calendar")
    assert await bearer("static") == "static"
    assert renewal.times == 0
