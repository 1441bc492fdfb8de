"""MCP as bytes on a real socket, without a client library in between: both revisions, and what no client would send."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
REVISIONS = (MODERN, LEGACY)
ACCEPT = "application/json, text/event-stream"


@dataclass
class Door:
    """One server, a bearer that opens it, and a call that succeeds.

    Args:
        name: as in its manifest.
        url: its address without a path.
        token: the bearer.
        tool: a tool of it.
        arguments: good arguments for the tool.
        meta: what the trusted client says beside them.
    """

    name: str
    url: str
    token: str
    tool: str
    arguments: dict[str, Any]
    meta: dict[str, Any] = field(default_factory=dict)
    # Loading certificates takes longer than a call; there are none here.
    http: httpx.AsyncClient = field(
        default_factory=lambda: httpx.AsyncClient(trust_env=False, verify=False, timeout=20)  # noqa: S501 - no TLS here
    )

    def headers(self, method: str = "tools/call", *, revision: str = MODERN, **changed: str | None) -> dict[str, str]:
        """The headers of a good request; a value of None leaves one out."""
        good: dict[str, str | None] = {
            "authorization": f"Bearer {self.token}",
            "accept": ACCEPT,
            "content-type": "application/json",
            "mcp-protocol-version": revision,
        }
        if revision == MODERN:
            good |= {"mcp-method": method, "mcp-name": self.tool if method == "tools/call" else None}
        named = {name.replace("_", "-"): value for name, value in changed.items()}
        return {name: value for name, value in {**good, **named}.items() if value is not None}

    def request(
        self, method: str, params: Mapping[str, Any], *, revision: str = MODERN, meta: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A JSON-RPC request as this revision has it."""
        beside = {**(meta or {})}
        if revision == MODERN:
            beside |= {
                "io.modelcontextprotocol/protocolVersion": revision,
                "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": beside}}

    async def post(self, content: Any, headers: Mapping[str, str]) -> httpx.Response:
        """Send bytes to ``/mcp``."""
        return await self.http.post(f"{self.url}/mcp", content=content, headers=dict(headers))

    async def send(
        self, method: str, params: Mapping[str, Any], *, revision: str = MODERN, meta: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        """Send a good request."""
        body = self.request(method, params, revision=revision, meta=meta)
        return await self.post(json.dumps(body), self.headers(method, revision=revision))

    async def call(
        self, arguments: Mapping[str, Any] | None = None, *, tool: str | None = None, revision: str = MODERN,
        meta: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Call a tool; the JSON-RPC result."""
        name = tool or self.tool
        params = {"name": name, "arguments": self.arguments if arguments is None else arguments}
        body = self.request("tools/call", params, revision=revision, meta=self.meta if meta is None else meta)
        headers = self.headers(revision=revision)
        if revision == MODERN:
            headers["mcp-name"] = name
        answer = await self.post(json.dumps(body), headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["result"]

    async def works(self) -> None:
        """The server is up and serves a good call."""
        assert (await self.http.get(f"{self.url}/healthz")).json() == {"status": "ok"}
        result = await self.call()
        assert not result.get("isError"), result
