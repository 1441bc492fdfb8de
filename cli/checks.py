"""What is looked at before anything starts, each with the fix."""

import fcntl
import os
import shutil
import socket
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from cli.errors import Stop
from cli.services import Service
from cli.state import State

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Extra:
    """A program that more can be done with.

    Args:
        commands: any of these will do.
        get: how to get it.
        without: what is skipped without it.
    """

    name: str
    commands: tuple[str, ...]
    get: str
    without: str

    @property
    def there(self) -> bool:
        """Whether it is on this machine."""
        return any(shutil.which(command) for command in self.commands)


EXTRAS = (
    Extra("Chromium", ("chromium", "chromium-browser", "google-chrome"), "apt install chromium", "browser tests"),
    Extra(
        "PostgreSQL", ("postgres", "pg_ctl", "psql"), "apt install postgresql", "tests on PostgreSQL; SQLite is used"
    ),
    Extra("Node", ("npm",), "apt install npm", "tests with MCP's conformance suite and Zapier's SDK"),
    Extra("Go", ("go",), "https://go.dev/dl", "building a local LiveKit server"),
)


def check_python() -> None:
    """Raises Stop when Python is too old."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(str(part) for part in OLDEST_PYTHON)
        raise Stop(
            f"Python {wanted} or newer is needed, this is {sys.version.split()[0]}; install it and run make again"
        )


def check_folder(state: State) -> None:
    """Raises Stop when the state folder cannot be written."""
    _ = state.secrets
    if not os.access(state.folder, os.W_OK):
        raise Stop(f"cannot write the state folder {state.folder}; name another with --state")


@contextmanager
def alone(state: State) -> Generator[None]:
    """The state folder, for one running copy: two with one set of databases would answer for each other.

    Raises:
        Stop: another runs with it.
    """
    with (state.folder / "running.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Stop(f"another copy runs with the state folder {state.folder}; name another with --state") from None
        yield


def check_ports(services: Iterable[Service]) -> None:
    """Raises Stop when a port is in use, naming who uses it where that can be seen."""
    taken = [service for service in services if not _is_free(service.port)]
    if taken:
        first = taken[0]
        who = _user_of(first.port)
        raise Stop(
            f"port {first.port} ({first.name}) is in use{f' by {who}' if who else ''}; "
            "stop that, or run a copy beside it with --port-offset 100 and a --state folder of its own"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _user_of(port: int) -> str | None:
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        return None
    return None
