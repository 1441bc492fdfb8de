"""The vendor's credential of a call, by token exchange with a stand-in backend on a real socket."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from contracts.meta import Role
from contracts.results import ErrorKind
from mcp_servers.shared.calls import Call
from mcp_servers.shared.credentials import Broker
from mcp_servers.shared.errors import NeedsReconnect, NotAllowed, ServerError, Unavailable
from mcp_servers.shared.http import Outbound
from tests.clock import Clock
from tests.fakes.backend import SERVICE_TOKEN, StandInBackend, stand_in_backend

RESOURCE = "https://calendar.example/mcp"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def backend(clock: Clock) -> AsyncGenerator[StandInBackend]:
    async with stand_in_backend(clock.seconds) as served:
        yield served


@pytest.fixture
async def broker(backend: StandInBackend, clock: Clock) -> AsyncGenerator[Broker]:
    outbound = Outbound.open()
    broker = Broker(
        outbound, url=backend.url, service_token=SecretStr(SERVICE_TOKEN), resource=RESOURCE, now=clock.seconds
    )
    yield broker
    await broker.aclose()
    await outbound.aclose()


def call(token: str | None, *, workspace: str = "workspace-1") -> Call:
    deadline = asyncio.get_running_loop().time() + 30
    return Call(workspace=workspace, role=Role.PUBLIC, caller=None, call="c", tool="t", deadline=deadline, token=token)


async def test_the_call_token_is_the_subject_and_the_service_token_the_client(
    broker: Broker, backend: StandInBackend
) -> None:
    credential = await broker.credential(call("the-call-token"))
    assert credential.token.get_secret_value().startswith("vendor-")
    assert (credential.workspace, credential.connection) == ("workspace-1", "connection-1")
    assert backend.exchanges == [
        {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token": "the-call-token",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "resource": RESOURCE,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "authorization": f"Bearer {SERVICE_TOKEN}",
        }
    ]


async def test_callers_who_ask_at_once_share_one_exchange_even_when_the_first_hangs_up(
    broker: Broker, backend: StandInBackend
) -> None:
    first, *others = [asyncio.create_task(broker.credential(call("one"))) for _ in range(20)]
    await asyncio.sleep(0)
    first.cancel()
    found = await asyncio.gather(*others)
    assert len({credential.token.get_secret_value() for credential in found}) == 1
    assert len(backend.exchanges) == 1


async def test_a_credential_is_kept_for_its_call_until_shortly_before_it_expires(
    broker: Broker, backend: StandInBackend, clock: Clock
) -> None:
    backend.exchange = lambda _: (200, backend.exchanged(expires_in=300))
    for _ in range(2):
        await broker.credential(call("one"))
    assert len(backend.exchanges) == 1
    clock.advance(seconds=291)
    await broker.credential(call("one"))
    assert len(backend.exchanges) == 2


async def test_a_credential_is_asked_for_again_when_the_life_of_a_call_token_is_over(
    broker: Broker, backend: StandInBackend, clock: Clock
) -> None:
    await broker.credential(call("one"))
    clock.advance(seconds=601)
    await broker.credential(call("one"))
    assert len(backend.exchanges) == 2


async def test_each_call_token_gets_its_own_credential_and_nobody_elses(
    broker: Broker, backend: StandInBackend
) -> None:
    def by_subject(form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        return 200, backend.exchanged(access_token=f"for {form['subject_token']}", connection=form["subject_token"])

    backend.exchange = by_subject
    tenants = [f"tenant-{n}" for n in range(50)]
    found = await asyncio.gather(*(broker.credential(call(name, workspace=name)) for name in tenants * 2))
    assert [c.token.get_secret_value() for c in found] == [f"for {name}" for name in tenants * 2]
    assert len(backend.exchanges) == 50


async def test_what_one_workspace_brought_settles_nothing_of_another(broker: Broker) -> None:
    brought = await broker.credential(call("one"))
    assert broker.of_connection("workspace-1", "connection-1").token == brought.token
    for workspace, connection in (("workspace-2", "connection-1"), ("workspace-1", "connection-2")):
        with pytest.raises(Unavailable):
            broker.of_connection(workspace, connection)


async def test_a_token_that_the_vendor_refused_is_not_given_out_again(broker: Broker, backend: StandInBackend) -> None:
    first = await broker.credential(call("one"))
    second = await broker.credential(call("one"), refused=first.token.get_secret_value())
    assert second.token != first.token
    assert [form.get("refused_token") for form in backend.exchanges] == [None, first.token.get_secret_value()]
    backend.exchange = lambda _: (200, backend.exchanged(access_token=second.token.get_secret_value()))
    with pytest.raises(NeedsReconnect):
        await broker.credential(call("one"), refused=second.token.get_secret_value())


async def test_without_a_call_token_the_service_token_gets_nothing(broker: Broker, backend: StandInBackend) -> None:
    with pytest.raises(NotAllowed):
        await broker.credential(call(None))
    assert backend.exchanges == []


async def test_hooks_and_access_tokens_of_one_call_are_kept_apart(broker: Broker, backend: StandInBackend) -> None:
    def by_type(form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        if not form["requested_token_type"].endswith("hooks"):
            return 200, backend.exchanged(access_token="key")
        hooks = {"default": {"url": "https://hooks.example/1"}}
        return 200, backend.exchanged(access_token="", token_type="N_A", hooks=hooks)

    backend.exchange = by_type
    hooks = await broker.credential(call("one"), "hooks")
    key = await broker.credential(call("one"))
    assert hooks.hooks["default"].url.get_secret_value() == "https://hooks.example/1"
    assert (key.token.get_secret_value(), key.hooks) == ("key", {})


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, "invalid_grant", ErrorKind.NOT_ALLOWED),
        (400, "unauthorized_client", ErrorKind.NOT_ALLOWED),
        (400, "not_connected", ErrorKind.NEEDS_RECONNECT),
        (400, "needs_reconnect", ErrorKind.NEEDS_RECONNECT),
        (503, "temporarily_unavailable", ErrorKind.TRY_LATER),
        (401, "invalid_client", ErrorKind.UNAVAILABLE),
        (400, "invalid_request", ErrorKind.UNAVAILABLE),
        (400, "something_else", ErrorKind.UNAVAILABLE),
        (404, "", ErrorKind.UNAVAILABLE),
        (200, "", ErrorKind.UNAVAILABLE),
    ],
)
async def test_a_refused_exchange_is_named_by_what_happens_next(
    broker: Broker, backend: StandInBackend, status: int, error: str, kind: ErrorKind
) -> None:
    backend.exchange = lambda _: (status, {"error": error, "error_description": "why"})
    with capture_logs(), pytest.raises(ServerError) as refused:
        await broker.credential(call("one"))
    assert refused.value.kind is kind


async def test_a_failed_exchange_is_tried_again_by_the_next_call(broker: Broker, backend: StandInBackend) -> None:
    backend.exchange = lambda _: (400, {"error": "not_connected", "error_description": ""})
    with pytest.raises(NeedsReconnect):
        await broker.credential(call("one"))
    backend.exchange = None
    assert (await broker.credential(call("one"))).connection == "connection-1"


async def test_a_backend_that_is_down_is_unavailable(clock: Clock) -> None:
    outbound = Outbound.open()
    gone = Broker(
        outbound, url="http://127.0.0.1:1", service_token=SecretStr("x"), resource=RESOURCE, now=clock.seconds
    )
    with pytest.raises(Unavailable):
        await gone.credential(call("one"))
    await outbound.aclose()


async def test_a_credential_shows_no_secret_when_it_is_printed(broker: Broker, tmp_path: Path) -> None:
    credential = await broker.credential(call("one"))
    shown = f"{credential!r} {dataclasses.asdict(credential)!r}"
    assert credential.token.get_secret_value() not in shown
