"""A Zapier account connected by OAuth of a published integration: consent at the sandbox, the backend's one flow, the broker."""

import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from pydantic import SecretStr

from contracts.results import ErrorKind, ToolAnswer
from tests.backend.served import Backend
from tests.backend.two_workspaces import draft
from tests.mcp_servers.zapier.desk import kind_of
from tests.mcp_servers.zapier.whole import backend as backend
from tests.mcp_servers.zapier.whole import clock as clock
from tests.mcp_servers.zapier.whole import port as port
from tests.mcp_servers.zapier.whole import sandbox as sandbox
from tests.mcp_servers.zapier.whole import zapier
from tests.running import RunningApp
from voxie_agents.mcp_client import McpClient

pytestmark = pytest.mark.needs_zapier

ZAP_NUMBER = 12345
RUNS = f"zapier_get_runs:{ZAP_NUMBER}"


async def decided(backend: Backend, decision: str) -> httpx.Response:
    """Begin at the API, decide on the sandbox's page as a person does, and come back."""
    url = (await backend.post("/api/connections/oauth", {"server": "zapier"}, expect=201))["authorize_url"]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as person:
        page = await person.get(url)
        assert page.status_code == 200, page.text
        (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
        (action,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
        sent = await person.post(urljoin(url, action), data={"ticket": ticket, "decision": decision})
        assert sent.status_code == 302, sent.text
    return await backend.api.get(sent.headers["location"])


async def runs(server: RunningApp, backend: Backend, agent: str) -> ToolAnswer:
    """What a call of an agent reads of its one granted Zap."""
    access = await backend.access(await backend.start_call(agent_id=agent))
    async with McpClient(server.url, token=SecretStr(access["zapier"]["token"])) as client:
        return await client.call("zapier_get_runs", {"zap_number": ZAP_NUMBER})


async def test_an_account_connected_by_oauth_opens_the_workflow_api_and_is_refreshed(
    tmp_path: Path, backend: Backend, sandbox: RunningApp
) -> None:
    made = await backend.post("/api/agents", {**draft("Reads runs", "zapier"), "tools": [RUNS]}, expect=201)
    async with zapier(tmp_path, backend, sandbox) as server:
        before = await runs(server, backend, made["spec"]["id"])
        assert kind_of(before) is ErrorKind.NEEDS_RECONNECT

        back = await decided(backend, "allow")
        assert back.status_code == 200, back.text
        connection = back.json()
        assert (connection["server"], connection["way"], connection["status"]) == ("zapier", "oauth", "connected")
        assert connection["scopes"] == ["zap", "zap:all", "zap:write", "zap:runs"]
        assert (await runs(server, backend, made["spec"]["id"])).is_error is False

        # The access token has ended, as the sandbox knows too: the broker has a fresh one.
        backend.clock.advance(hours=11)
        assert (await runs(server, backend, made["spec"]["id"])).is_error is False


async def test_an_owner_who_says_no_connects_nothing(backend: Backend) -> None:
    refused = await decided(backend, "deny")
    assert (refused.status_code, refused.json()["code"]) == (403, "oauth_denied")
    connected = (await backend.get("/api/connections"))["items"]
    assert [connection["way"] for connection in connected] == ["hooks"]


async def test_a_code_is_good_once_and_for_two_minutes(backend: Backend, sandbox: RunningApp) -> None:
    url = (await backend.post("/api/connections/oauth", {"server": "zapier"}, expect=201))["authorize_url"]
    form = {"grant_type": "authorization_code", "client_id": "voxie-demo", "client_secret": "voxie-demo-secret"}
    async with httpx.AsyncClient(base_url=sandbox.url, trust_env=False, timeout=30) as person:
        for minutes, first in ((0, 200), (3, 400)):
            page = await person.get(url)
            (ticket,) = re.findall(r'name="ticket" value="([^"]+)"', page.text)
            sent = await person.post("/v2/authorize", data={"ticket": ticket, "decision": "allow"})
            code = httpx.URL(sent.headers["location"]).params["code"]
            exchange = {**form, "code": code, "redirect_uri": httpx.URL(url).params["redirect_uri"]}
            backend.clock.advance(minutes=minutes)
            assert (await person.post("/oauth/token/", data=exchange)).status_code == first
            assert (await person.post("/oauth/token/", data=exchange)).json() == {"error": "invalid_grant"}


async def test_the_sandbox_refuses_what_zapier_would(backend: Backend) -> None:
    url = (await backend.post("/api/connections/oauth", {"server": "zapier"}, expect=201))["authorize_url"]
    async with httpx.AsyncClient(trust_env=False, timeout=30) as person:
        for name, value in (("scope", "zap zap:pause"), ("client_id", "mine"), ("response_type", "token")):
            page = await person.get(str(httpx.URL(url).copy_set_param(name, value)))
            assert page.status_code == 400, name
