"""Processes that ask for the same access token at the same moment: ``python -m tests.backend.broker.asker``.

The module is imported once and then forked for each process, so that fifty start within a second. It is told what to do by
lines of JSON, and answers each by one.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from backend.connections.grantors import TokenEndpoints
from backend.connections.tokens import AccessTokens, MustReconnect
from backend.connections.vendors import OAuthClient, VendorDown, VendorHttp, Vendors
from backend.db import Database
from backend.registry.manifests import load_manifests
from backend.vault.keys import KeyFile
from backend.vault.vault import Vault

LARGEST_ORDER = 65_536
"""Bytes; one at a time is told, and the next when it is answered."""
CLIENT = OAuthClient("voxie-demo", SecretStr("voxie-demo-secret"))


async def ask(order: dict[str, Any]) -> str:
    """A token as one replica gets it, or what went wrong."""
    database, http = Database(order["database"]), VendorHttp()
    now = datetime.fromisoformat(order["now"])
    vendors = Vendors(load_manifests(), sandbox=order["vendor"], clients={"google-calendar": CLIENT})
    vault = Vault(KeyFile(Path(order["state"])))
    tokens = AccessTokens(
        database, vault, vendors=vendors, http=http, endpoints=TokenEndpoints(http, http), now=lambda: now
    )
    try:
        return (await tokens.get("demo", order["connection"])).value
    except (MustReconnect, VendorDown) as failure:
        return type(failure).__name__
    finally:
        await tokens.aclose()
        await http.aclose()
        await database.aclose()


def together(order: dict[str, Any]) -> list[str]:
    """What so many processes get that begin at once."""
    start, go = os.pipe()
    answers, answer = os.pipe()
    for _ in range(order["processes"]):
        if os.fork() == 0:
            os.close(go)
            with ended():
                os.read(start, 1)
                os.write(answer, (asyncio.run(ask(order)) + "\n").encode())
    os.close(answer)
    os.close(start)
    os.close(go)  # They all wait for this to end.
    with os.fdopen(answers) as lines:
        got = [line.strip() for line in lines]
    for _ in range(order["processes"]):
        os.wait()
    return got


def alone(order: dict[str, Any]) -> int:
    """A process that asks and tells nobody; its id."""
    process = os.fork()
    if process == 0:
        with ended():
            asyncio.run(ask(order))
    return process


def killed(process: int) -> int:
    """How one ended that is killed: it dies with everything it knows."""
    os.kill(process, signal.SIGKILL)
    return os.waitpid(process, 0)[1]


@contextmanager
def ended() -> Generator[None]:
    """End a forked process after the block, without what its parent would do at its end."""
    try:
        yield
    finally:
        os._exit(0)


def main() -> None:
    does: dict[str, Callable[[Any], Any]] = {"together": together, "alone": alone, "killed": killed}
    # Not by lines of a buffer: those that it holds would be read again by whoever is forked.
    while line := os.read(sys.stdin.fileno(), LARGEST_ORDER):
        what, told = json.loads(line)
        os.write(sys.stdout.fileno(), (json.dumps(does[what](told)) + "\n").encode())


if __name__ == "__main__":
    main()
