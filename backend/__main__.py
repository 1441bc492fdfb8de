"""``python -m backend``."""

import socket
import sys

import uvicorn

from backend.settings import SettingsError, load_settings
from process.http import configured
from process.logs import configure_logging


def main() -> None:
    """Serve until stopped."""
    configure_logging()
    try:
        settings = load_settings()
        # Imported when the settings are right: a wrong one is said at once, not after the seconds that the libraries take.
        from backend.app import create_app  # noqa: PLC0415

        listener = socket.create_server((settings.host, settings.port), backlog=512)
        app = create_app(settings)
    except SettingsError as error:
        sys.exit(f"backend: {error}")
    except OSError as error:
        sys.exit(f"backend: BACKEND_PORT or VOXIE_STATE: {error.strerror}; choose another port or folder")
    sys.stdout.write(f"Backend: http://{settings.host}:{settings.port} ({settings.mode.value})\n")
    sys.stdout.flush()
    uvicorn.Server(configured(app, grace=5)).run(sockets=[listener])


if __name__ == "__main__":
    main()
