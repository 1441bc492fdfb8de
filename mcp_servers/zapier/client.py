"""The only place that knows Zapier's wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

import httpx

from mcp_servers.shared.errors import NeedsReconnect, ServerError, TryLater, Unavailable
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience, retry_after
from mcp_servers.zapier.queue import Reason
from mcp_servers.zapier.settings import Hook

DELIVERY_FIELD = "voxie_delivery_id"
READ_SECONDS = 2.4
PAGE = 50
MOST_PAGES = 20


@dataclass(frozen=True)
class Zap:
    """One Zap of the account."""

    id: str
    title: str
    enabled: bool


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


class WorkflowApi:
    """Zapier's Workflow API, for the holder of a token of a published integration.

    Args:
        outbound: sends.
        api_url: the API's base.
        api_key: its bearer; None when only hooks are configured.
    """

    def __init__(self, outbound: Outbound, *, api_url: str, api_key: str | None) -> None:
        self._outbound = outbound
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key

    async def list_zaps(self) -> list[Zap]:
        """Every Zap that the API key may see.

        Raises:
            NeedsReconnect: the key is missing or refused.
            ServerError: Zapier cannot be asked now.
        """
        if self._api_key is None:
            raise NeedsReconnect("listing Zaps needs ZAPIER_API_KEY (a Workflow API token); triggering hooks does not")
        zaps: list[Zap] = []
        for page in range(MOST_PAGES):
            answer = await self._get("/v2/zaps", {"limit": str(PAGE), "offset": str(page * PAGE)})
            zaps += [_zap(item) for item in _items(answer)]
            if not _mapping(answer.get("links")).get("next"):
                return zaps
        raise Unavailable(f"Zapier lists more than {MOST_PAGES * PAGE} Zaps")

    async def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._api_key}", "accept": "application/json"}
        request = httpx.Request("GET", f"{self._api_url}{path}", params=dict(query), headers=headers)
        policy = Policy(repeatable=True, refused=asks_for_patience)
        try:
            response = await self._outbound.send(request, policy=policy, within=READ_SECONDS)
        except NoAnswer:
            raise Unavailable("Zapier does not answer") from None
        if response.status_code != 200:
            raise _api_error(response)
        return _object(response)


def _hook_id(response: httpx.Response) -> str | None:
    try:
        value = json.loads(response.content).get("id")
    except (ValueError, AttributeError):
        return None
    return str(value)[:64] if value else None


def _api_error(response: httpx.Response) -> ServerError:
    status = response.status_code
    if status in {401, 403}:
        return NeedsReconnect("Zapier refused the API token: set a valid ZAPIER_API_KEY with the scope zap")
    if asks_for_patience(response):
        return TryLater(f"Zapier answered {status}", retry_after=retry_after(response) or 60.0)
    return Unavailable(f"Zapier answered {status}")


def _object(response: httpx.Response) -> dict[str, Any]:
    """The answer's object. The published schema types a page as a list that holds it; both are taken."""
    try:
        answer = response.json()
    except ValueError:
        raise Unavailable("Zapier's answer is not JSON") from None
    if isinstance(answer, list) and answer:
        answer = cast("list[Any]", answer)[0]
    return _mapping(answer)


def _items(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    items = page.get("data")
    if not isinstance(items, list):
        raise Unavailable("Zapier's answer has no list of data")
    return [_mapping(item) for item in cast("list[object]", items)]


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unavailable("Zapier's answer does not have the shape that is documented")
    return cast("dict[str, Any]", value)


def _zap(item: Mapping[str, Any]) -> Zap:
    return Zap(id=str(item.get("id", "")), title=str(item.get("title", "")), enabled=bool(item.get("is_enabled")))
