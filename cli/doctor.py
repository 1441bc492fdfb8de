"""``voxie doctor``: what is configured, reachable and broken, and the fix."""

import asyncio
import json
import os
import sys
from dataclasses import asdict, dataclass

import httpx
from rich.console import Console

from cli.approve import waiting_tools
from cli.checks import EXTRAS
from cli.errors import Stop
from cli.services import Service, services
from cli.state import State
from contracts.modes import Mode

MARKS = {"ok": "[green]ok[/green]  ", "warn": "[yellow]note[/yellow]", "broken": "[red]broken[/red]"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        subject: what.
        status: ``ok``, ``warn`` or ``broken``.
        detail: what is so.
        fix: what to do; empty when nothing is.
    """

    subject: str
    status: str
    detail: str
    fix: str = ""


def doctor(state: State, mode: Mode, *, as_json: bool) -> bool:
    """Look at everything and show it.

    Returns:
        Whether nothing is broken.
    """
    findings = [*asyncio.run(_services(state, mode)), *_approvals(state), _livekit(), _model(), *_extras()]
    if as_json:
        sys.stdout.write(json.dumps([asdict(finding) for finding in findings], indent=2) + "\n")
    else:
        _show(findings)
    return all(finding.status != "broken" for finding in findings)


def _show(findings: list[Finding]) -> None:
    console = Console()
    for finding in findings:
        console.print(
            f"{MARKS[finding.status]} {finding.subject:<16} {finding.detail}", highlight=False, soft_wrap=True
        )
        if finding.fix:
            console.print(f"       {'':<16} → {finding.fix}", highlight=False, soft_wrap=True)


async def _services(state: State, mode: Mode) -> list[Finding]:
    async with httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
        known = services(state, mode).values()
        return list(await asyncio.gather(*(_service(client, state, mode, service) for service in known)))


async def _service(client: httpx.AsyncClient, state: State, mode: Mode, service: Service) -> Finding:
    try:
        await client.get(f"{service.base}/healthz")
        ready = await client.get(f"{service.base}/readyz")
    except httpx.HTTPError:
        live = " --live" if mode is Mode.LIVE else ""
        fix = f"start it: `voxie up{live}{state.options()}`, or alone: `voxie serve {service.name}{state.options()}`"
        return Finding(service.name, "broken", f"does not answer at {service.base}", fix)
    if ready.status_code == 503:
        return Finding(service.name, "broken", str(ready.json().get("problem", "not ready")), "see its log")
    if refused := await _bearer(client, state, service):
        return refused
    return Finding(service.name, "ok", f"answers at {service.url}")


async def _bearer(client: httpx.AsyncClient, state: State, service: Service) -> Finding | None:
    """Whether an MCP server takes this copy's bearer; a server that somebody else started may not."""
    if service.path != "/mcp":
        return None
    headers = {"authorization": f"Bearer {state.secrets['MCP_SERVER_TOKEN']}"}
    answer = await client.post(service.url, headers=headers, json={})
    if answer.status_code != 401:
        return None
    fix = f"start it from this state folder ({state.folder}), or set MCP_SERVER_TOKEN there to this copy's"
    return Finding(
        service.name, "broken", f"another server answers at {service.url}: it refuses this copy's token", fix
    )


def _approvals(state: State) -> list[Finding]:
    """Tools that calls are not offered, since nobody has seen what they are now."""
    try:
        waiting = waiting_tools(state)
    except Stop:
        # That the backend is not there has been found already.
        return []
    return [
        Finding(name, "warn", f"{count} of its tools wait for approval: calls are not offered them",
                f"look at them: `voxie approve {name}{state.options()}`")
        for name, count in sorted(waiting.items())
    ]  # fmt: skip


def _livekit() -> Finding:
    missing = [name for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET") if not os.environ.get(name)]
    if not missing:
        return Finding("LiveKit", "ok", "configured")
    return Finding(
        "LiveKit", "warn", f"{', '.join(missing)} not set: no voice calls", "set them, or talk by `voxie chat`"
    )


def _model() -> Finding:
    if os.environ.get("OPENAI_API_KEY") or os.environ.get("VOXIE_LLM_BASE_URL"):
        return Finding("model", "ok", "configured")
    return Finding("model", "warn", "no key: the offline demo brain talks", "set OPENAI_API_KEY or VOXIE_LLM_BASE_URL")


def _extras() -> list[Finding]:
    return [
        Finding(extra.name, "ok", "there")
        if extra.there
        else Finding(extra.name, "warn", f"not here: no {extra.without}", extra.get)
        for extra in EXTRAS
    ]
