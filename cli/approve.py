"""``voxie approve SERVER``: let calls be offered the tools of a server that are new or changed."""

import json
import sys
from typing import Any

import typer

from cli.backend import Backend, open_backend
from cli.errors import Stop
from cli.state import State

PARTS = ("title", "description", "input_schema", "output_schema", "annotations")
"""Of a new tool: what a model or a call is guided by."""


def approve(state: State, name: str, *, yes: bool) -> None:
    """Show what waits and what changed of it, ask, and approve it as it was shown.

    Args:
        state: of the running copy.
        name: of the server.
        yes: whether to approve without asking.

    Raises:
        Stop: the backend is not there or refuses, or it knows no such server.
    """
    with open_backend(state) as backend:
        server = _server(backend, name)
        waiting = [tool for tool in _all(backend, f"/api/servers/{server['id']}/tools") if _waits(tool)]
        if not waiting:
            sys.stdout.write(f"Nothing of {name} waits: calls are offered what it lists.\n")
            return
        for tool in waiting:
            sys.stdout.write(_described(tool))
        if not yes and not typer.confirm("Offer these to calls?"):
            raise Stop("nothing was approved")
        # By what was shown: had the server changed again meanwhile, the backend would refuse.
        seen = {tool["name"]: tool["fingerprint"] for tool in waiting}
        backend.ask("POST", f"/api/servers/{server['id']}/approve", {"tools": seen})
    sys.stdout.write(f"Approved: {', '.join(seen)}\n")


def waiting_tools(state: State) -> dict[str, int]:
    """How many tools of each server wait for approval; none where nothing does.

    Raises:
        Stop: the backend is not there or refuses.
    """
    with open_backend(state) as backend:
        return {each["name"]: each["waiting_tools"] for each in _all(backend, "/api/servers") if each["waiting_tools"]}


def _server(backend: Backend, name: str) -> dict[str, Any]:
    servers = {server["name"]: server for server in _all(backend, "/api/servers")}
    if name not in servers:
        raise Stop(f"there is no server {name!r}; there are: {', '.join(sorted(servers))}")
    return servers[name]


def _all(backend: Backend, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = backend.ask("GET", f"{path}?limit=100{cursor}")
        found += page["items"]
        if not page.get("next_cursor"):
            return found
        cursor = f"&cursor={page['next_cursor']}"


def _waits(tool: dict[str, Any]) -> bool:
    return tool["state"] in {"new", "changed"}


def _described(tool: dict[str, Any]) -> str:
    """All of it: what is cut off would be approved unseen. As JSON has it: no control character of a stranger's is printed."""
    lines = [f"{tool['name']} ({tool['state']})"]
    if tool["differences"]:
        for part in tool["differences"]:
            lines += [f"  {part['part']}:", f"    - {json.dumps(part['old'])}", f"    + {json.dumps(part['new'])}"]
    else:
        lines += [f"  {part}: {json.dumps(tool[part])}" for part in PARTS]
    return "\n".join(lines) + "\n"
