"""What the worker asks of the backend: each failure named by what happens next, tokens renewed in time and once."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from backend.agents.seed import demo_agents
from contracts.calls import CallBootstrap, RenewedAccess, ServerAccess
from spawner.agent_loader import (
    AgentLoader,
    BackendAway,
    BadAnswer,
    CallOver,
    CallTokens,
    LoaderError,
    NoSuchCall,
    NotAuthorized,
)
from tests.clock import Clock

URL = "http://backend.test"
BOOTSTRAP = CallBootstrap(call_id="c1", agent=demo_agents()[0], servers=())


def loader() -> AgentLoader:
    return AgentLoader(URL, SecretStr("a-service-token-of-tests"), pauses=(0.0, 0.0))


@pytest.mark.parametrize(
    ("answer", "error", "tries"),
    [
        (httpx.Response(401), NotAuthorized, 1),
        (httpx.Response(403), NotAuthorized, 1),
        (httpx.Response(404), NoSuchCall, 1),
        (httpx.Response(409), CallOver, 1),
        (httpx.Response(422), BadAnswer, 1),
        (httpx.Response(429), BackendAway, 3),
        (httpx.Response(500), BackendAway, 3),
        (httpx.Response(503), BackendAway, 3),
        (httpx.Response(200, text="<h1>"), BadAnswer, 1),
        (httpx.Response(200, json={"call_id": "c1"}), BadAnswer, 1),
        (httpx.ConnectError("no"), BackendAway, 3),
        (httpx.ReadTimeout("no"), BackendAway, 3),
    ],
    ids=str,
)
@respx.mock
async def test_a_failure_is_named_and_only_what_passes_is_tried_again(
    answer: Any, error: type[LoaderError], tries: int
) -> None:
    route = respx.post(f"{URL}/api/calls/c1/bootstrap")
    route.mock(**{"side_effect" if isinstance(answer, Exception) else "return_value": answer})
    async with loader() as one:
        with pytest.raises(LoaderError) as raised:
            await one.bootstrap("c1")
    assert type(raised.value) is error
    assert raised.value.speech.endswith(".")
    assert route.call_count == tries


@respx.mock
async def test_a_backend_that_comes_back_is_heard() -> None:
    good = httpx.Response(200, content=BOOTSTRAP.model_dump_json())
    route = respx.post(f"{URL}/api/calls/c1/bootstrap").mock(side_effect=[httpx.ConnectError("no"), good])
    async with loader() as one:
        assert await one.bootstrap("c1") == BOOTSTRAP
    assert route.calls.last.request.headers["authorization"] == "Bearer a-service-token-of-tests"


def access(clock: Clock, token: str, **lives: float) -> ServerAccess:
    expires = clock.now() + timedelta(**lives) if lives else None
    return ServerAccess(name="calendar", url="http://x", token=SecretStr(token), token_expires_at=expires)


class Renewal:
    """Gives new tokens and counts."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times = 0
        self.away = False

    async def __call__(self) -> RenewedAccess:
        self.times += 1
        await asyncio.sleep(0)
        if self.away:
            raise BackendAway("no")
        return RenewedAccess(servers=(access(self.clock, f"new-{self.times}", minutes=10),))


async def test_a_token_is_renewed_at_half_of_its_life_and_once_for_all_who_ask() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    bearer = CallTokens([access(clock, "old", minutes=10)], renewal, now=clock.now).source("calendar")
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


async def test_a_static_bearer_is_never_renewed() -> None:
    clock = Clock()
    renewal = Renewal(clock)
    bearer = CallTokens([access(clock, "static")], renewal, now=clock.now).source("calendar")
    assert await bearer("static") == "static"
    assert renewal.times == 0
