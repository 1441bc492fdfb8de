"""``python -m mcp_servers.zapier.dead_letters [replay ID …]``: see what was not delivered, and send it after all.

Without arguments it lists what was given up (``dead``) and what Zapier may or may not have (``unknown``). ``replay`` queues
a delivery again, with the same delivery id; the running server sends it. Replaying an unknown one may trigger the Zap twice.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mcp_servers.shared.ledger import LedgerDatabase
from mcp_servers.shared.manifest_files import load_manifest
from mcp_servers.shared.settings import SettingsError, load_settings
from mcp_servers.zapier.delivery import Delivery, State
from mcp_servers.zapier.queue import DeliveryQueue
from mcp_servers.zapier.settings import PREFIX, ZapierSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m mcp_servers.zapier.dead_letters", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("list", "replay"), default="list")
    parser.add_argument("ids", nargs="*", metavar="ID")
    given = parser.parse_args(arguments)
    if given.action == "replay" and not given.ids:
        parser.error("replay needs the id of a delivery")
    try:
        oauth = load_manifest(Path(__file__).parent).oauth
        others = oauth.client_variables if oauth else ()
        settings = load_settings(ZapierSettings, prefix=PREFIX, others=others)
    except SettingsError as error:
        sys.exit(f"zapier: {error}")
    return asyncio.run(_run(settings, given.ids if given.action == "replay" else None))


async def _run(settings: ZapierSettings, replayed: Sequence[str] | None) -> int:
    url = settings.ledger_url.get_secret_value() if settings.ledger_url else None
    database = LedgerDatabase.for_service("zapier", state=settings.state, url=url, now=time.time)
    queue = DeliveryQueue(database, limits=(), lease_seconds=settings.hook_seconds)
    try:
        if replayed is None:
            for delivery in await queue.of_states(State.DEAD, State.UNKNOWN):
                _say(_line(delivery))
            return 0
        return await _replay(queue, replayed)
    finally:
        await database.aclose()


async def _replay(queue: DeliveryQueue, ids: Sequence[str]) -> int:
    missing = [name for name in ids if not await queue.replay(name)]
    for name in missing:
        _say(f"{name}: no dead or unknown delivery of this id that still has its payload")
    return 1 if missing else 0


def _line(delivery: Delivery) -> str:
    """Without the payload: it holds what a caller said."""
    when = datetime.fromtimestamp(delivery.created_at, UTC).isoformat(timespec="seconds")
    reason = delivery.reason.value if delivery.reason else "-"
    status = f" ({delivery.http_status})" if delivery.http_status else ""
    return f"{delivery.id}  {delivery.state}  {delivery.hook}  {when}  {delivery.attempts} tries  {reason}{status}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
