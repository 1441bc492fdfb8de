"""Retries: one place, by predicate, within the deadline; a write of unknown outcome is never repeated."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
import respx

from mcp_servers.shared.http import MOST_TRIES, NoAnswer, Outbound, Policy, asks_for_patience, retry_after

URL = "https://vendor.example/things"
READ = Policy(repeatable=True, refused=asks_for_patience)
WRITE = Policy(repeatable=False, refused=asks_for_patience)
NO_CONNECTION = httpx.ConnectError("refused")


class Pauses:
    """Remembers how long somebody would have waited."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def outbound(pauses: Pauses) -> AsyncGenerator[Outbound]:
    outbound = Outbound(httpx.AsyncClient(), sleep=pauses.sleep, jitter=lambda: 0.5)
    yield outbound
    await outbound.aclose()


def request(method: str = "GET") -> httpx.Request:
    return httpx.Request(method, URL)


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 409, 410, 412, 422])
@pytest.mark.parametrize("policy", [READ, WRITE])
async def test_an_answer_that_another_try_would_not_change_is_given_at_once(
    outbound: Outbound, respx_mock: respx.MockRouter, status: int, policy: Policy
) -> None:
    route = respx_mock.get(URL).respond(status)
    assert (await outbound.send(request(), policy=policy, within=5)).status_code == status
    assert route.call_count == 1


@pytest.mark.parametrize(
    "failure", [429, 500, 502, 503, 504, NO_CONNECTION, httpx.ReadError("cut"), httpx.DecodingError("x")]
)
async def test_a_read_is_tried_again(
    outbound: Outbound, respx_mock: respx.MockRouter, failure: int | Exception
) -> None:
    first = failure if isinstance(failure, Exception) else httpx.Response(failure)
    route = respx_mock.get(URL).mock(side_effect=[first, httpx.Response(200)])
    assert (await outbound.send(request(), policy=READ, within=5)).status_code == 200
    assert route.call_count == 2


@pytest.mark.parametrize("failure", [429, 503, NO_CONNECTION, httpx.ConnectTimeout("slow"), httpx.PoolTimeout("full")])
async def test_a_write_that_certainly_did_nothing_is_tried_again(
    outbound: Outbound, respx_mock: respx.MockRouter, failure: int | Exception
) -> None:
    first = failure if isinstance(failure, Exception) else httpx.Response(failure)
    route = respx_mock.post(URL).mock(side_effect=[first, httpx.Response(200)])
    assert (await outbound.send(request("POST"), policy=WRITE, within=5)).status_code == 200
    assert route.call_count == 2


@pytest.mark.parametrize(
    "cut",
    [
        httpx.ReadError("cut"),
        httpx.WriteError("cut"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.DecodingError("broken"),
        TimeoutError(),
    ],
)
async def test_a_write_that_may_have_been_done_is_not_repeated_and_says_so(
    outbound: Outbound, respx_mock: respx.MockRouter, cut: Exception
) -> None:
    route = respx_mock.post(URL).mock(side_effect=[cut, httpx.Response(200)])
    with pytest.raises(NoAnswer) as failed:
        await outbound.send(request("POST"), policy=WRITE, within=5)
    assert failed.value.sent is True
    assert route.call_count == 1


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_write_that_failed_inside_the_vendor_is_not_repeated(
    outbound: Outbound, respx_mock: respx.MockRouter, status: int
) -> None:
    route = respx_mock.post(URL).respond(status)
    assert (await outbound.send(request("POST"), policy=WRITE, within=5)).status_code == status
    assert route.call_count == 1


async def test_the_tries_are_bounded_and_the_last_answer_is_given(
    outbound: Outbound, respx_mock: respx.MockRouter, pauses: Pauses
) -> None:
    route = respx_mock.get(URL).respond(503)
    assert (await outbound.send(request(), policy=READ, within=60)).status_code == 503
    assert route.call_count == MOST_TRIES
    assert pauses.seconds == [0.1, 0.2, 0.4]


async def test_no_connection_at_all_says_that_nothing_was_sent(
    outbound: Outbound, respx_mock: respx.MockRouter
) -> None:
    respx_mock.post(URL).mock(side_effect=NO_CONNECTION)
    with pytest.raises(NoAnswer) as failed:
        await outbound.send(request("POST"), policy=WRITE, within=60)
    assert failed.value.sent is False


async def test_the_vendors_own_wait_comes_first(
    outbound: Outbound, respx_mock: respx.MockRouter, pauses: Pauses
) -> None:
    wait = httpx.Response(429, headers={"retry-after": "3"})
    respx_mock.get(URL).mock(side_effect=[wait, httpx.Response(200)])
    await outbound.send(request(), policy=READ, within=5)
    assert pauses.seconds == [3.0]


async def test_a_wait_beyond_the_deadline_is_not_begun(
    outbound: Outbound, respx_mock: respx.MockRouter, pauses: Pauses
) -> None:
    route = respx_mock.get(URL).respond(429, headers={"retry-after": "30"})
    assert (await outbound.send(request(), policy=READ, within=2.5)).status_code == 429
    assert (route.call_count, pauses.seconds) == (1, [])


async def test_a_vendor_that_is_silent_is_left_at_the_deadline(
    outbound: Outbound, respx_mock: respx.MockRouter
) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    respx_mock.post(URL).mock(side_effect=never)
    with pytest.raises(NoAnswer) as failed:
        await asyncio.wait_for(outbound.send(request("POST"), policy=WRITE, within=0.05), 5)
    assert failed.value.sent is True


async def test_without_any_time_left_nothing_is_sent(outbound: Outbound, respx_mock: respx.MockRouter) -> None:
    with pytest.raises(NoAnswer) as failed:
        await outbound.send(request("POST"), policy=WRITE, within=0)
    assert failed.value.sent is False
    assert respx_mock.calls.call_count == 0


async def test_a_redirect_is_not_followed(respx_mock: respx.MockRouter) -> None:
    respx_mock.post(URL).respond(307, headers={"location": "https://evil.example/"})
    outbound = Outbound.open()
    assert (await outbound.send(request("POST"), policy=WRITE, within=5)).status_code == 307
    await outbound.aclose()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("2.5", 2.5),
        ("-7", 0.0),
        ("inf", None),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 -0000", 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date_or_nothing(value: str | None, seconds: float | None) -> None:
    headers = {} if value is None else {"retry-after": value}
    assert retry_after(httpx.Response(429, headers=headers)) == seconds


def test_a_date_to_come_is_so_many_seconds_from_now() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    seconds = retry_after(httpx.Response(503, headers={"retry-after": later}))
    assert seconds is not None
    assert 3000 < seconds <= 3600


@pytest.mark.parametrize("failure", [503, NO_CONNECTION])
async def test_a_further_try_is_made_only_where_it_is_allowed(
    outbound: Outbound, respx_mock: respx.MockRouter, failure: int | Exception
) -> None:
    answer = httpx.Response(failure) if isinstance(failure, int) else failure
    route = respx_mock.get(URL).mock(side_effect=[answer] * MOST_TRIES)
    left = iter([True, False])
    policy = Policy(repeatable=True, refused=asks_for_patience, may_retry=lambda: next(left))
    if isinstance(failure, int):
        assert (await outbound.send(request(), policy=policy, within=5)).status_code == failure
    else:
        with pytest.raises(NoAnswer):
            await outbound.send(request(), policy=policy, within=5)
    assert route.call_count == 2
