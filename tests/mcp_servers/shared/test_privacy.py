"""What a caller said, and secrets, are in nothing that a server writes down."""

import json
from pathlib import Path

from starlette.responses import Response

from tests.fakes.vendor import vendor
from tests.mcp_servers.process import server_process
from tests.mcp_servers.wire import LEGACY, MODERN, Door

CANARY = "Canary-Maria-Garcia-555-0100"
TOKEN = "canary-bearer-0123456789"


async def test_nothing_that_a_caller_said_and_no_secret_is_in_what_a_server_prints(tmp_path: Path) -> None:
    async with vendor() as stand_in:
        variables = {
            "VOXIE_MODE": "demo",
            "MCP_SERVER_TOKEN": TOKEN,
            "TEMPLATE_API_KEY": "canary-api-key",
            "TEMPLATE_API_URL": f"{stand_in.url}/template/",
        }
        async with server_process("mcp_servers._template", tmp_path, variables) as server:
            door = Door("template", server.url, TOKEN, "template_get_item", {"item_id": "item-1"})
            # A vendor that answers nonsense makes the tool crash: exceptions of parsers hold what they were given.
            stand_in.next_answers = [Response(f"<{CANARY}>", 200), Response(f'{{"name": "{CANARY}"', 200)]
            await say_it_everywhere(door)
            await door.works()
            await door.http.aclose()
            code = await server.stop()
            said = server.said()
    assert code in {0, -15}
    assert "tool crashed" in said
    assert "library message" in said
    for secret in (CANARY, TOKEN, "canary-api-key", "canary"):
        assert secret.lower() not in said.lower()
    header = said.index("\n}\n") + 3
    for line in said[header:].splitlines():
        json.loads(line)


async def say_it_everywhere(door: Door) -> None:
    for revision in (MODERN, LEGACY):
        await door.call({"item_id": "item-1"}, revision=revision)
        await door.call({"item_id": CANARY + " !"}, revision=revision)
        await door.call({CANARY: CANARY}, revision=revision)
        await door.call({"item_id": "item-1"}, revision=revision, meta={f"voxie/{CANARY}": CANARY})
        await door.call({"item_id": "x"}, revision=revision, meta={"voxie/caller": CANARY, "voxie/operation": CANARY})
        await door.call(tool=CANARY, revision=revision)
        headers = door.headers(revision=revision)
        await door.post(f'{{"{CANARY}": ', headers)
        await door.post(f'["{CANARY}"]', headers)
        await door.post(json.dumps({"jsonrpc": "2.0", "id": CANARY, "method": CANARY, "params": {CANARY: 1}}), headers)
        for name in ("host", "origin", "accept", "content-type", "mcp-protocol-version", "authorization"):
            await door.post("{}", {**headers, name: CANARY})
        await door.http.get(f"{door.url}/{CANARY}?{CANARY}={CANARY}", headers=headers)
