"""``python -m sandbox``."""

import socket
import sys

import uvicorn

from process.http import configured
from process.logs import configure_logging
from sandbox.app import create_app
from sandbox.settings import load_settings


def main() -> None:
    """Serve until stopped."""
    configure_logging()
    try:
        settings = load_settings()
        listener = socket.create_server((settings.host, settings.port), backlog=512)
        app = create_app(settings)
    except ValueError as error:
        sys.exit(f"sandbox: {error}")
    except OSError as error:
        sys.exit(f"sandbox: SANDBOX_PORT or SANDBOX_STATE: {error.strerror}; choose another port or folder")
    sys.stdout.write(f"Sandbox: {settings.base_url}, the demo calendar is in {settings.zone}\n")
    sys.stdout.flush()
    uvicorn.Server(configured(app, grace=5)).run(sockets=[listener])


if __name__ == "__main__":
    main()
