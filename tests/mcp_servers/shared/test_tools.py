"""The wrapper between MCP and a tool: deadlines, crashes, roles, and what each becomes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from contracts.manifest import Manifest, Service
from contracts.meta import Role
from mcp_servers.shared.app import create_app
from mcp_servers.shared.calls import Call
from mcp_servers.shared.settings import ServerSettings
from mcp_servers.shared.tools import Arguments, Result, ToolSpec
from tests.mcp_servers.wire import Door
from tests.running import running
from tests.world import TOKEN

MANIFEST = Manifest(
    name="tried",
    title="Tried",
    description="For tests",
    service=Service(port=3999, url_variable="MCP_TRIED_URL", resource="http://127.0.0.1:3999/mcp"),
    credentials=("none",),
)


class Words(Arguments):
    count: Annotated[int, Field(ge=1)] = 1
    note: str | None = None


class Heard(Result):
    caller: str | None
    role: str
    person: str
    seconds: float


class Tried:
    """An integration whose tools do what a test wants."""

    instructions = "For tests."

    def __init__(self) -> None:
        self.started = asyncio.Event()

    @property
    def tools(self) -> Sequence[ToolSpec[Any]]:
        def spec(name: str, run: Any, **more: Any) -> ToolSpec[Any]:
            return ToolSpec(name=name, title=name, description=name, arguments=Words, result=Heard, run=run, **more)

        return (
            spec("hear", self.hear),
            spec("owner_only", self.hear, roles=frozenset({Role.OWNER})),
            spec("hang", self.hang),
            spec("hang_writing", self.hang, effect="write"),
            spec("crash", self.crash),
            spec("crash_writing", self.crash, effect="destroy"),
        )

    async def hear(self, args: Words, call: Call) -> Heard:
        return Heard(
            speech="Heard.", caller=call.caller, role=call.role.value, person=call.person, seconds=call.remaining()
        )

    async def hang(self, args: Words, call: Call) -> Heard:
        self.started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def crash(self, args: Words, call: Call) -> Heard:
        raise RuntimeError(args.note)

    async def start(self) -> None: ...

    async def problem(self) -> str | None:
        return "no account is connected"

    async def aclose(self) -> None: ...


@asynccontextmanager
async def tried(state: Path, **settings: Any) -> AsyncGenerator[Door]:
    values = {"VOXIE_STATE": str(state), "MCP_SERVER_TOKEN": TOKEN, **settings}
    app = create_app(MANIFEST, ServerSettings(_env_file=None, **values), Tried())
    async with running(app) as served:
        door = Door("tried", served.url, TOKEN, "hear", {})
        yield door
        await door.http.aclose()


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with tried(tmp_path) as opened:
        yield opened


async def heard(door: Door, meta: dict[str, Any]) -> dict[str, Any]:
    return (await door.call(meta=meta))["structuredContent"]


async def test_who_says_nothing_is_the_public(door: Door) -> None:
    said = await heard(door, {})
    assert (said["role"], said["caller"]) == ("public", None)


async def test_the_trusted_client_names_caller_role_and_deadline(door: Door) -> None:
    said = await heard(door, {"voxie/caller": "tel:+15550100", "voxie/role": "owner", "voxie/deadline": 1.0})
    assert (said["role"], said["caller"], said["person"]) == ("owner", "tel:+15550100", "tel:+15550100")
    assert 0 < said["seconds"] <= 1.0


async def test_an_unverified_caller_is_nobody_beyond_this_call(door: Door) -> None:
    assert (await heard(door, {"voxie/call": "c-1"}))["person"] == "call:c-1"


async def test_a_client_cannot_make_a_tool_take_longer_than_it_may(door: Door) -> None:
    assert (await heard(door, {"voxie/deadline": 100.0}))["seconds"] <= 2.5


async def test_a_desktop_client_of_the_owner_is_the_owner_when_the_settings_say_so(tmp_path: Path) -> None:
    async with tried(tmp_path, MCP_STATIC_ROLE="owner") as door:
        assert (await heard(door, {}))["role"] == "owner"
        assert (await heard(door, {"voxie/role": "public"}))["role"] == "public"


async def test_an_owners_tool_is_closed_to_the_public(door: Door) -> None:
    failure = (await door.call({}, tool="owner_only"))["structuredContent"]
    assert failure["kind"] == "not_allowed"
    assert "owner" in failure["error"]
    assert not (await door.call({}, tool="owner_only", meta={"voxie/role": "owner"}))["isError"]


@pytest.mark.parametrize(("tool", "kind"), [("hang", "unavailable"), ("hang_writing", "outcome_unknown")])
async def test_at_the_deadline_a_read_is_unavailable_and_a_write_of_unknown_outcome(
    door: Door, tool: str, kind: str
) -> None:
    failure = (await door.call({}, tool=tool, meta={"voxie/deadline": 0.05}))["structuredContent"]
    assert failure["kind"] == kind


@pytest.mark.parametrize(("tool", "kind"), [("crash", "unavailable"), ("crash_writing", "outcome_unknown")])
async def test_a_crash_claims_nothing_about_a_write_and_keeps_its_text(door: Door, tool: str, kind: str) -> None:
    result = await door.call({"note": "canary"}, tool=tool)
    assert result["structuredContent"]["kind"] == kind
    assert "canary" not in str(result)


@pytest.mark.parametrize("value", ["1", 1.0, True, 0, None])
async def test_a_number_is_a_number(door: Door, value: object) -> None:
    failure = (await door.call({"count": value}))["structuredContent"]
    assert (failure["kind"], failure["field"]) == ("bad_request", "count")


async def test_a_server_that_is_not_ready_says_why_and_is_alive(door: Door) -> None:
    ready = await door.http.get(f"{door.url}/readyz")
    assert (ready.status_code, ready.json()["problem"]) == (503, "no account is connected")
    assert (await door.http.get(f"{door.url}/healthz")).status_code == 200


async def test_a_host_that_the_settings_add_is_served(tmp_path: Path) -> None:
    async with tried(tmp_path, MCP_ALLOWED_HOSTS="calendar.example, tools.example:8443") as door:
        for host, status in (("calendar.example", 200), ("tools.example:8443", 200), ("tools.example:1", 421)):
            request = door.request("tools/list", {})
            answer = await door.http.post(
                f"{door.url}/mcp", json=request, headers=door.headers("tools/list", host=host)
            )
            assert answer.status_code == status


async def test_the_service_name_of_compose_is_served(door: Door) -> None:
    headers = door.headers("tools/list", host="tried:3999")
    answer = await door.http.post(f"{door.url}/mcp", json=door.request("tools/list", {}), headers=headers)
    assert answer.status_code == 200


async def test_a_bearer_made_here_is_kept_in_a_private_file_and_opens_the_door(tmp_path: Path) -> None:
    settings = ServerSettings(_env_file=None, VOXIE_STATE=str(tmp_path / "state"))
    async with running(create_app(MANIFEST, settings, Tried())) as served:
        path = tmp_path / "state" / "tried.token"
        assert path.stat().st_mode & 0o777 == 0o600
        door = Door("tried", served.url, path.read_text(), "hear", {})
        assert not (await door.call())["isError"]
        await door.http.aclose()
