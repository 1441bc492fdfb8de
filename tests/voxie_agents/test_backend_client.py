"""What workers and the terminal ask of the backend: each failure named by what happens next, and only what passes tried again."""

from typing import Any

import httpx
import pytest
import respx
from pydantic import SecretStr

from backend.agents.seed import demo_agents
from contracts.calls import CallBootstrap
from voxie_agents.backend_client import (
    BackendAway,
    BackendClient,
    BackendError,
    BadAnswer,
    CallOver,
    NoSuchCall,
    NotAuthorized,
    Refused,
)

URL = "http://backend.test"
BOOTSTRAP = CallBootstrap(call_id="c1", agent=demo_agents()[0], servers=())
FIX = {"code": "not_published", "message": "nothing of this agent is published yet; publish its draft"}


def client() -> BackendClient:
    return BackendClient(URL, SecretStr("a-service-token-of-tests"), pauses=(0.0, 0.0))


@pytest.mark.parametrize(
    ("answer", "error", "tries"),
    [
        (httpx.Response(401), NotAuthorized, 1),
        (httpx.Response(403), NotAuthorized, 1),
        (httpx.Response(404), NoSuchCall, 1),
        (httpx.Response(409, json={"code": "call_ended", "message": "this call has ended"}), CallOver, 1),
        (httpx.Response(409, json=FIX), Refused, 1),
        (httpx.Response(422), Refused, 1),
        (httpx.Response(429), BackendAway, 3),
        (httpx.Response(429, headers={"retry-after": "60"}), BackendAway, 1),
        (httpx.Response(500), BackendAway, 3),
        (httpx.Response(503), BackendAway, 3),
        (httpx.Response(200, text="<h1>"), BadAnswer, 1),
        (httpx.Response(200, json=[1]), BadAnswer, 1),
        (httpx.Response(200, json={"call_id": "c1"}), BadAnswer, 1),
        (httpx.ConnectError("no"), BackendAway, 3),
        (httpx.ReadTimeout("no"), BackendAway, 3),
    ],
    ids=str,
)
@respx.mock
async def test_a_failure_is_named_and_only_what_passes_is_tried_again(
    answer: Any, error: type[BackendError], tries: int
) -> None:
    route = respx.post(f"{URL}/api/calls/c1/bootstrap")
    route.mock(**{"side_effect" if isinstance(answer, Exception) else "return_value": answer})
    async with client() as one:
        with pytest.raises(BackendError) as raised:
            await one.bootstrap("c1")
    assert type(raised.value) is error
    assert raised.value.speech.endswith(".")
    assert route.call_count == tries


@respx.mock
async def test_a_refusal_says_what_the_backend_says_of_the_fix() -> None:
    respx.post(f"{URL}/api/calls").mock(return_value=httpx.Response(409, json=FIX))
    async with client() as one:
        with pytest.raises(Refused, match="publish its draft"):
            await one.register("restaurant", caller=None)


@respx.mock
async def test_a_backend_that_comes_back_is_heard() -> None:
    good = httpx.Response(200, content=BOOTSTRAP.model_dump_json())
    route = respx.post(f"{URL}/api/calls/c1/bootstrap").mock(side_effect=[httpx.ConnectError("no"), good])
    async with client() as one:
        assert await one.bootstrap("c1") == BOOTSTRAP
    assert route.calls.last.request.headers["authorization"] == "Bearer a-service-token-of-tests"


@respx.mock
async def test_a_registration_that_names_no_call_is_no_answer() -> None:
    respx.post(f"{URL}/api/calls").mock(return_value=httpx.Response(201, json={"call": "c1"}))
    async with client() as one:
        with pytest.raises(BadAnswer):
            await one.register("restaurant", caller=None)
