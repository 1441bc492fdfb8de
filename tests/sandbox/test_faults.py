"""Faults on demand, on a real socket; and who may ask for them."""

from typing import Any

import httpx
import pytest

from tests.sandbox.google import ADMIN, DINNER, Google, Refused

EVENTS = "/calendar/v3/calendars/primary/events"
BEARER = {"authorization": "Bearer sandbox"}


async def add(client: httpx.AsyncClient, **fault: Any) -> httpx.Response:
    return await client.post("/_sandbox/faults", json=fault, headers=ADMIN)


async def names(client: httpx.AsyncClient) -> list[str]:
    return [event["summary"] for event in await Google(client).listed()]


@pytest.mark.parametrize(
    ("status", "domain", "reason"),
    [
        (401, "global", "authError"),
        (403, "usageLimits", "rateLimitExceeded"),
        (404, "global", "notFound"),
        (429, "usageLimits", "rateLimitExceeded"),
        (500, "global", "backendError"),
        (503, "global", "backendError"),
    ],
)
async def test_a_status_is_answered_once_in_googles_form(
    socket: httpx.AsyncClient, status: int, domain: str, reason: str
) -> None:
    await add(socket, route=f"POST {EVENTS}", status=status, headers={"retry-after": "7"})
    with pytest.raises(Refused) as caught:
        await Google(socket).insert()
    assert (caught.value.status, caught.value.domain, caught.value.reason) == (status, domain, reason)
    assert caught.value.headers["retry-after"] == "7"
    assert await names(socket) == []
    await Google(socket).insert()
    assert await names(socket) == ["Dinner"]


async def test_times_counts_down(socket: httpx.AsyncClient) -> None:
    await add(socket, route="GET */events", status=503, times=2)
    answers = [(await socket.get(EVENTS, headers=BEARER)).status_code for _ in range(3)]
    assert answers == [503, 503, 200]


async def test_only_what_matches_the_pattern_is_hit(socket: httpx.AsyncClient) -> None:
    await add(socket, route="DELETE */events/*", status=503)
    assert (await socket.get(EVENTS, headers=BEARER)).status_code == 200
    waiting = (await socket.get("/_sandbox/faults")).json()["faults"]
    assert [fault["route"] for fault in waiting] == ["DELETE */events/*"]


async def test_the_sandboxs_own_routes_never_fail_on_demand(socket: httpx.AsyncClient) -> None:
    await add(socket, route="*", status=503)
    assert (await socket.get("/healthz")).status_code == 200
    assert (await socket.get("/_sandbox/faults")).status_code == 200


async def test_a_line_cut_before_has_had_no_effect(socket: httpx.AsyncClient) -> None:
    await add(socket, route="POST */events", cut="before")
    with pytest.raises(httpx.RemoteProtocolError):
        await socket.post(EVENTS, json=DINNER, headers=BEARER)
    assert await names(socket) == []


async def test_a_line_cut_after_leaves_the_write_standing(socket: httpx.AsyncClient) -> None:
    await add(socket, route="POST */events", cut="after")
    with pytest.raises(httpx.RemoteProtocolError):
        await socket.post(EVENTS, json=DINNER, headers=BEARER)
    assert await names(socket) == ["Dinner"]


async def test_a_delayed_answer_comes_after_the_callers_patience(socket: httpx.AsyncClient) -> None:
    await add(socket, route="GET */events", delay=30)
    with pytest.raises(httpx.ReadTimeout):
        await socket.get(EVENTS, headers=BEARER, timeout=0.2)
    await add(socket, route="GET */events", delay=0.05)
    assert (await socket.get(EVENTS, headers=BEARER)).status_code == 200


async def test_a_fault_can_carry_its_own_body(http: httpx.AsyncClient) -> None:
    await add(http, route="*", status=502, body={"oops": True})
    answer = await http.get(EVENTS, headers=BEARER)
    assert (answer.status_code, answer.json()) == (502, {"oops": True})


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({}, "route: "),
        ({"route": "events"}, 'route: write a method and a path, such as "POST */events*"'),
        ({"route": "*", "times": 0}, "times: "),
        ({"route": "*", "cut": "during"}, "cut: "),
        ({"route": "*", "x": 1}, "x: no such field; a fault takes route, status, cut, "),
    ],
)
async def test_a_malformed_fault_is_refused_in_one_line_that_names_the_field(
    http: httpx.AsyncClient, fault: dict[str, Any], named: str
) -> None:
    refused = await add(http, **fault)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith(named)
    assert "\n" not in refused.text
    assert (await http.get("/_sandbox/faults")).json() == {"faults": []}


@pytest.mark.parametrize("way", ["reset", "delete"])
async def test_waiting_faults_can_be_dropped(http: httpx.AsyncClient, way: str) -> None:
    await add(http, route="*", status=503)
    if way == "reset":
        await http.post("/_sandbox/reset", headers=ADMIN)
    else:
        await http.delete("/_sandbox/faults", headers=ADMIN)
    assert (await http.get(EVENTS, headers=BEARER)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/_sandbox/reset", {}),
        ("POST", "/_sandbox/reset", {**ADMIN, "origin": "https://evil.example"}),
        ("POST", "/_sandbox/reset", {**ADMIN, "origin": "null"}),
        ("POST", "/_sandbox/reset", {**ADMIN, "host": "evil.example"}),
        ("POST", "/_sandbox/faults", {}),
        ("DELETE", "/_sandbox/faults", {}),
        ("GET", "/_sandbox/faults", {"host": "evil.example"}),
        ("GET", "/_sandbox/faults", {"origin": "https://evil.example"}),
        ("GET", "/_sandbox/faults", {"host": ""}),
    ],
)
async def test_web_pages_and_other_machines_cannot_use_the_knobs(
    http: httpx.AsyncClient, method: str, path: str, headers: dict[str, str]
) -> None:
    await Google(http).insert()
    answer = await http.request(method, path, headers=headers, json={"route": "*"})
    assert answer.status_code == 403
    assert await names(http) == ["Dinner"]


@pytest.mark.parametrize(
    "headers", [ADMIN, {**ADMIN, "origin": "http://127.0.0.1:3010"}, {**ADMIN, "host": "localhost"}]
)
async def test_the_machines_own_people_can(http: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await http.post("/_sandbox/reset", headers=headers)).status_code == 200


async def test_health_needs_no_credential(http: httpx.AsyncClient) -> None:
    assert (await http.get("/healthz")).json() == {"status": "ok"}
