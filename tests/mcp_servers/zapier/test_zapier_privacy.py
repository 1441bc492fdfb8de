"""After every tool has been in every trouble, nothing that a server process printed holds a hook's URL, a token or a caller's words."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from contracts.meta import RequestMeta, Role
from sandbox.app import create_app as create_sandbox
from sandbox.settings import SandboxSettings
from tests.canaries import found_in
from tests.mcp_servers.process import ServerProcess, free_port, server_process
from tests.mcp_servers.zapier.test_zapier_matrix import TOOLS, TROUBLES
from tests.running import RunningApp, running
from tests.world import ADMIN
from voxie_agents.mcp_client import McpClient
from voxie_agents.mcp_errors import McpClientError

pytestmark = pytest.mark.needs_zapier

BEARER = "canary-server-bearer-0123456789"
WORDS = "Canary Maria Garcia 555 0100"
HOOK_CODE = "canary-hook-code"
NOWHERE = "nowhere"
SCOPES = "zap zap:write zap:runs zap:update zap:pause action:run connection:read"
DEADLINE = "0.6"


def hook_of(trouble: str) -> str:
    return trouble.replace(" ", "_")


def variables(sandbox: str, api_key: str) -> dict[str, str]:
    """Each trouble has an account of its own, since one that is asked to wait sends nothing else meanwhile."""
    hooks = {
        hook_of(trouble): {"url": f"{sandbox}/hooks/catch/{number}/{HOOK_CODE}-{number}/"}
        for number, trouble in enumerate(TROUBLES)
    }
    hooks[NOWHERE] = {"url": f"http://127.0.0.1:{free_port()}/hooks/catch/99/{HOOK_CODE}-99/"}
    return {
        "VOXIE_MODE": "demo",
        "MCP_SERVER_TOKEN": BEARER,
        "ZAPIER_HOOKS": json.dumps(hooks),
        "ZAPIER_API_KEY": api_key,
        "ZAPIER_API_URL": sandbox,
        "ZAPIER_HOOK_SECONDS": "1",
        "ZAPIER_ACCEPTANCE_SECONDS": "0.3",
        "MCP_READ_SECONDS": DEADLINE,
        "MCP_WRITE_SECONDS": DEADLINE,
    }


async def token_of(sandbox: RunningApp) -> str:
    """A token of the sandbox that is nobody else's."""
    form = {
        "grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox",
        "scope": SCOPES, "audience": "zapier.com",
    }  # fmt: skip
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False) as client:
        return (await client.post("/oauth/token/", data=form)).json()["access_token"]


async def call(server: ServerProcess, tool: str, **arguments: Any) -> str:
    """What the client is told, whatever it is."""
    meta = RequestMeta(call="call-1", role=Role.OWNER).to_wire()
    async with McpClient(server.url, token=SecretStr(BEARER)) as client:
        try:
            return json.dumps((await client.call(tool, arguments, meta=meta)).data)
        except McpClientError as error:
            return repr(error)


async def in_trouble(server: ServerProcess, sandbox: RunningApp, trouble: str) -> list[str]:
    """Every tool at once; what each answered."""
    what = TROUBLES[trouble]
    if what:
        # A vendor that repeats what it was sent must not make us print it.
        broken = {"body": f"{WORDS} {HOOK_CODE}"} if "status" in what else {}
        async with httpx.AsyncClient(base_url=sandbox.url, headers=ADMIN, trust_env=False) as admin:
            await admin.delete("/_sandbox/faults")
            for route in sorted({route for route, _ in TOOLS.values()}):
                fault = {"route": route, "times": 9, **what, **broken}
                assert (await admin.post("/_sandbox/faults", json=fault)).status_code == 200
    hook, payload = hook_of(trouble), {"trouble": trouble, "name": WORDS}
    given = {tool: arguments for tool, (_, arguments) in TOOLS.items()}
    given["zapier_trigger_zap"] = {"zap_id": hook, "payload": payload}
    given["zapier_get_delivery"] = {"delivery_id": WORDS}
    return await asyncio.gather(*(call(server, tool, **arguments) for tool, arguments in given.items()))


async def test_no_hooks_url_no_token_and_nothing_said_is_in_what_a_process_printed_or_answered(tmp_path: Path) -> None:
    settings = SandboxSettings(_env_file=None, state=tmp_path / "sandbox", zone="UTC")
    async with running(create_sandbox(settings)) as sandbox:
        api_key = await token_of(sandbox)
        secrets = {"hook": HOOK_CODE, "token": api_key, "bearer": BEARER, "words": WORDS, "name": "Maria Garcia"}
        async with server_process("mcp_servers.zapier", tmp_path, variables(sandbox.url, api_key)) as server:
            answers = [answer for trouble in TROUBLES for answer in await in_trouble(server, sandbox, trouble)]
            answers.append(await call(server, "zapier_trigger_zap", zap_id=NOWHERE, payload={"name": WORDS}))
            answers.append(await call(server, "zapier_trigger_zap", zap_id=WORDS, payload={WORDS: WORDS}))
            assert await server.stop() in {0, -15}
        said = server.said()
        assert said.count("tool failed") > len(TROUBLES)
        for verdict in ("taken", "busy", "refused", "unknown", "not_reached"):
            assert f'"{verdict}"' in said, verdict
    assert found_in(said.encode(), secrets) == []
    assert found_in("\n".join(answers).encode(), secrets) == []
