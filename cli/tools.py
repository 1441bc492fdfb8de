"""``voxie tools`` and ``voxie call``: an MCP server's tools, by hand."""

import asyncio
import json
import sys
from typing import Any, cast

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from cli.errors import Stop
from cli.services import Service, integrations
from cli.state import State
from contracts.meta import RequestMeta, Role
from contracts.results import ToolAnswer

COMMAND_LINE_CALL = "command-line"


def list_tools(state: State, server: str | None, *, as_json: bool) -> None:
    """Show the tools of one server, or of all."""
    chosen = [_service(state, server)] if server else list(integrations(state).values())
    listed = asyncio.run(_list(state, chosen))
    if as_json:
        result: Any = listed[chosen[0].name] if server else listed
        sys.stdout.write(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
        return
    console = Console()
    for name, result in listed.items():
        table = Table(title=name, title_justify="left", show_edge=False)
        for column in ("tool", "arguments", "what it does"):
            table.add_column(column, overflow="fold")
        for tool in result["tools"]:
            table.add_row(
                tool["name"], ", ".join(tool["inputSchema"].get("properties", {})), tool.get("description", "")
            )
        console.print(table)


async def _list(state: State, chosen: list[Service]) -> dict[str, dict[str, Any]]:
    # Imported here: the MCP SDK takes a second, which ``--help`` need not wait for.
    from voxie_agents.mcp_client import McpClient, McpClientError  # noqa: PLC0415

    listed: dict[str, dict[str, Any]] = {}
    for service in chosen:
        async with McpClient(service.url, token=_token(state), name=service.name) as client:
            try:
                tools = await client.list_tools(refresh=True)
            except McpClientError as error:
                raise _unreachable(state, service, error) from None
            dumped = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools]
            listed[service.name] = {"tools": dumped}
    return listed


def call_tool(state: State, server: str, tool: str, arguments: str, *, owner: bool) -> None:
    """Call one tool and print its structured result."""
    try:
        parsed = json.loads(arguments)
    except ValueError as error:
        raise Stop(f"--args is not JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise Stop("--args must be a JSON object such as '{\"max_results\": 3}'")
    service = _service(state, server)
    answer = asyncio.run(_call(state, service, tool, cast("dict[str, Any]", parsed), owner=owner))
    sys.stdout.write(json.dumps(answer.data, indent=2, ensure_ascii=False) + "\n")
    if answer.is_error:
        kind = answer.failure.kind.value if answer.failure else "failed"
        raise Stop(f"{tool}: {kind}: {answer.data.get('error', '')}")


async def _call(state: State, service: Service, tool: str, arguments: dict[str, Any], *, owner: bool) -> ToolAnswer:
    from voxie_agents.mcp_client import McpClient, McpClientError  # noqa: PLC0415

    meta = RequestMeta(call=COMMAND_LINE_CALL, role=Role.OWNER if owner else Role.PUBLIC).to_wire()
    async with McpClient(service.url, token=_token(state), name=service.name) as client:
        try:
            return await client.call(tool, arguments, meta=meta)
        except McpClientError as error:
            raise _unreachable(state, service, error) from None


def _service(state: State, name: str) -> Service:
    known = integrations(state)
    if name not in known:
        raise Stop(f"there is no server {name!r}; there are: {', '.join(known)}")
    return known[name]


def _token(state: State) -> SecretStr:
    return SecretStr(state.secrets["MCP_SERVER_TOKEN"])


def _unreachable(state: State, service: Service, error: Exception) -> Stop:
    return Stop(f"{service.name} at {service.url}: {type(error).__name__}; is it running? `voxie up{state.options()}`")
