"""``voxie new KIND``: an agent from a template, ready for calls."""

import sys
from typing import Any

import httpx

from cli.errors import Stop
from cli.services import backend_url
from cli.state import State

OPTIONS = {"name": "--name", "business.name": "--name", "business.zone": "--zone", "notify_hook": "--hook"}
"""The option that gives a field of the backend's."""


def new(state: State, kind: str, *, name: str | None, zone: str | None, hook: str | None) -> None:
    """Make an agent and say how to talk to it.

    Args:
        state: of the running copy.
        kind: which template.
        name: of the business; the template's title when None.
        zone: IANA name; its calendar's zone when None.
        hook: the Zapier hook that is told of bookings; nobody is told when None.

    Raises:
        Stop: the backend is not there or refuses; the message says why.
    """
    headers = {"authorization": f"Bearer {state.secrets['BACKEND_SERVICE_TOKEN']}"}
    with httpx.Client(base_url=backend_url(state), headers=headers, trust_env=False, timeout=10.0) as client:
        draft = _template(state, client, kind)["draft"]
        business = {**draft["business"], "name": name or draft["business"]["name"], "zone": zone}
        body = {**draft, "name": business["name"], "business": business, "notify_hook": hook, "publish": True}
        made = _asked(state, client, "POST", "/api/agents", body)
    spec = made["spec"]
    sys.stdout.write(f"{spec['name']} is ready. Talk to it: voxie chat {spec['id']}{state.options()}\n")


def _template(state: State, client: httpx.Client, kind: str) -> dict[str, Any]:
    templates = {template["kind"]: template for template in _asked(state, client, "GET", "/api/templates")["items"]}
    if kind not in templates:
        raise Stop(f"there is no template {kind!r}; there are: {', '.join(templates)}")
    return templates[kind]


def _asked(state: State, client: httpx.Client, method: str, path: str, body: Any = None) -> dict[str, Any]:
    try:
        answer = client.request(method, path, json=body)
    except httpx.TransportError:
        raise Stop(
            f"the backend does not answer at {backend_url(state)}; start it with `voxie up{state.options()}`"
        ) from None
    if answer.status_code >= 400:
        raise Stop(f"the backend refuses it: {_refusal(answer)}")
    return answer.json()


def _refusal(answer: httpx.Response) -> str:
    """What is wrong, after the option or field that it is about."""
    said: dict[str, Any] = answer.json()
    field, message = said.get("field"), str(said.get("message", answer.status_code))
    return f"{OPTIONS.get(field, field)}: {message.removeprefix('Value error, ')}" if field else message
