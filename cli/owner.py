"""``voxie owner-link``: a one-time link by which somebody becomes an owner."""

import sys

import httpx

from cli.errors import Stop
from cli.services import backend_url
from cli.state import State


def owner_link(state: State) -> None:
    """Make a link, which ends the earlier ones, and print it."""
    sys.stdout.write(f"{make_owner_link(state)}\n")


def make_owner_link(state: State) -> str:
    """A link that works once, for a day.

    Raises:
        Stop: the backend is not there or refuses.
    """
    headers = {"authorization": f"Bearer {state.secrets['BACKEND_SERVICE_TOKEN']}"}
    try:
        answer = httpx.post(f"{backend_url(state)}/api/owner-links", headers=headers, trust_env=False, timeout=10)
    except httpx.TransportError:
        raise Stop(
            f"the backend does not answer at {backend_url(state)}; start it with `voxie up{state.options()}`"
        ) from None
    if answer.status_code != 201:
        raise Stop(f"the backend refuses a link (status {answer.status_code}); is it of this --state folder?")
    return str(answer.json()["url"])
