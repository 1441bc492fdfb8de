"""``voxie serve NAME``: one service in the foreground."""

import os
import runpy
import sys

from cli.errors import Stop
from cli.services import SANDBOX, services
from cli.state import State
from contracts.modes import Mode


def serve(state: State, name: str) -> None:
    """Become the service. Live unless ``VOXIE_MODE=demo`` is set; the sandbox only exists for demo.

    Raises:
        Stop: there is no such service.
    """
    wanted = os.environ.get("VOXIE_MODE", Mode.LIVE.value)
    if wanted not in {mode.value for mode in Mode}:
        raise Stop(f"VOXIE_MODE is {wanted!r}; it must be demo or live")
    mode = Mode.DEMO if name == SANDBOX else Mode(wanted)
    known = services(state, mode)
    if name not in known:
        raise Stop(f"there is no service {name!r}; there are: {', '.join(services(state, Mode.DEMO))}")
    # What the caller has set wins over this copy's defaults, but for the ports and secrets that name the copy.
    os.environ.update({**known[name].environment, "VOXIE_LOG_FORMAT": os.environ.get("VOXIE_LOG_FORMAT", "console")})
    sys.argv = [known[name].module]
    runpy.run_module(known[name].module, run_name="__main__", alter_sys=True)
