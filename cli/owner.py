"""``voxie owner-link``: a one-time link by which somebody becomes an owner."""

import sys

from cli.backend import open_backend
from cli.state import State


def owner_link(state: State) -> None:
    """Make a link, which ends the earlier ones, and print it."""
    sys.stdout.write(f"{make_owner_link(state)}\n")


def make_owner_link(state: State) -> str:
    """A link that works once, for a day.

    Raises:
        Stop: the backend is not there or refuses.
    """
    with open_backend(state) as backend:
        return str(backend.ask("POST", "/api/owner-links")["url"])
