"""``voxie new KIND``: an agent from a template, ready for calls."""

import sys
from typing import Any

from cli.backend import Backend, open_backend
from cli.errors import Stop
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
    with open_backend(state) as backend:
        draft = _template(backend, kind)["draft"]
        business = {**draft["business"], "name": name or draft["business"]["name"], "zone": zone}
        body = {**draft, "name": business["name"], "business": business, "notify_hook": hook, "publish": True}
        made = backend.ask("POST", "/api/agents", body, options=OPTIONS)
    spec = made["spec"]
    sys.stdout.write(f"{spec['name']} is ready. Talk to it: voxie chat {spec['id']}{state.options()}\n")


def _template(backend: Backend, kind: str) -> dict[str, Any]:
    templates = {template["kind"]: template for template in backend.ask("GET", "/api/templates")["items"]}
    if kind not in templates:
        raise Stop(f"there is no template {kind!r}; there are: {', '.join(templates)}")
    return templates[kind]
