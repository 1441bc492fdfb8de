"""``voxie spawner``: the worker that answers calls in LiveKit's rooms, with this copy's ports and secrets."""

import os
import runpy
import sys

from cli.services import backend_url
from cli.state import State

SPAWNER_PORT = 8082


def spawner(state: State) -> None:
    """Become the worker. What the environment says of LiveKit is taken as it is."""
    defaults = {
        "VOXIE_BACKEND_URL": backend_url(state),
        "BACKEND_SERVICE_TOKEN": state.secrets["BACKEND_SERVICE_TOKEN"],
        "SPAWNER_PORT": str(state.port(SPAWNER_PORT)),
    }
    os.environ.update({**defaults, **{name: os.environ[name] for name in defaults if name in os.environ}})
    sys.argv = ["spawner"]
    runpy.run_module("spawner", run_name="__main__", alter_sys=True)
