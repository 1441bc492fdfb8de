"""Many processes that ask for the same access token at the same moment: ``python -m tests.backend.broker.asker``.

The module is imported once and then forked, so that fifty processes start within a second.
"""

import asyncio
import json
import os
import sys
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


def child(order: dict[str, Any], start: int, answers: int) -> None:
    os.read(start, 1)
    os.write(answers, (asyncio.run(ask(order)) + "\n").encode())


def main() -> None:
    order = json.loads(sys.argv[1])
    start, go = os.pipe()
    answers, answer = os.pipe()
    for _ in range(order["processes"]):
        if os.fork() == 0:
            os.close(go)
            try:
                child(order, start, answer)
            finally:
                os._exit(0)
    os.close(answer)
    os.close(go)  # They all wait for this to end.
    with os.fdopen(answers) as lines:
        sys.stdout.write(json.dumps([line.strip() for line in lines]))


if __name__ == "__main__":
    main()
