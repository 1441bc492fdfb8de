"""The only place that knows Zapier's wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import httpx

from mcp_servers.shared.http import NoAnswer, Outbound, Policy, retry_after
from mcp_servers.zapier.delivery import Reason
from mcp_servers.zapier.settings import Hook

DELIVERY_FIELD = "voxie_delivery_id"


class Verdict(StrEnum):
    """What one request to a hook means for its delivery."""

    TAKEN = "taken"
    BUSY = "busy"
    """Zapier says that it did not take it, and may be asked again."""
    REFUSED = "refused"
    """Zapier will not take it."""
    NOT_REACHED = "not_reached"
    """It never left."""
    UNKNOWN = "unknown"
    """It may have been taken."""


@dataclass(frozen=True)
class Sent:
    """What became of one request to a hook.

    Args:
        verdict: what it means.
        reason: why it was not taken.
        http_status: what Zapier answered.
        retry_after: seconds that it asks to wait.
        request_id: Zapier's own id of the request, which is not a run's id; None in the hook's silent mode.
    """

    verdict: Verdict
    reason: Reason = Reason.NO_ANSWER
    http_status: int | None = None
    retry_after: float | None = None
    request_id: str | None = None


class CatchHooks:
    """The way in that any account has: *Webhooks by Zapier*, *Catch Hook*.

    Args:
        outbound: sends.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def post(self, hook: Hook, payload: Mapping[str, Any], *, delivery_id: str, within: float) -> Sent:
        """Send a payload once, with the delivery id that lets a Zap recognise a repetition.

        Zapier does not recognise one itself, and answers 200 even when no Zap stands behind the hook or the Zap is off.

        Args:
            hook: where to.
            payload: what.
            delivery_id: added to it.
            within: seconds that the request may take.
        """
        body = json.dumps({**payload, DELIVERY_FIELD: delivery_id}, ensure_ascii=False, separators=(",", ":"))
        headers = {"content-type": "application/json"}
        request = httpx.Request("POST", hook.url.get_secret_value(), content=body.encode(), headers=headers)
        try:
            response = await self._outbound.send(request, policy=ONCE, within=within)
        except NoAnswer as failure:
            if failure.sent:
                return Sent(Verdict.UNKNOWN, reason=Reason.NO_ANSWER)
            return Sent(Verdict.NOT_REACHED, reason=Reason.NOT_REACHED)
        return _sent(response)


def _never(_: httpx.Response) -> bool:
    return False


ONCE = Policy(repeatable=False, refused=_never)
"""The queue decides when a delivery is tried again."""


def _sent(response: httpx.Response) -> Sent:
    status = response.status_code
    if status == 200:
        return Sent(Verdict.TAKEN, request_id=_hook_id(response))
    wait = retry_after(response)
    if status == 429:
        return Sent(Verdict.BUSY, reason=Reason.ASKED_TO_WAIT, http_status=status, retry_after=wait)
    if status in {502, 504}:
        # A gateway that lost sight of what is behind it: it may have been taken.
        return Sent(Verdict.UNKNOWN, reason=Reason.SERVER_ERROR, http_status=status, retry_after=wait)
    if status >= 500 or status == 408:
        return Sent(Verdict.BUSY, reason=Reason.SERVER_ERROR, http_status=status, retry_after=wait)
    gone = status in {404, 410}
    return Sent(Verdict.REFUSED, reason=Reason.HOOK_GONE if gone else Reason.REFUSED, http_status=status)


def _hook_id(response: httpx.Response) -> str | None:
    try:
        value = json.loads(response.content).get("id")
    except (ValueError, AttributeError):
        return None
    return str(value)[:64] if value else None
