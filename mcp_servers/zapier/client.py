"""The only place that knows Zapier's wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx

from mcp_servers.shared.errors import (
    BadRequest,
    NeedsReconnect,
    NotFound,
    OutcomeUnknown,
    ServerError,
    TryLater,
    Unavailable,
)
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience, retry_after
from mcp_servers.zapier.settings import Hook

HOOK_SECONDS = 4.0
READ_SECONDS = 2.4
PAGE = 50
MOST_PAGES = 20
PAYLOAD_LIMIT = 10 * 1024 * 1024
"""Zapier's own limit for a catch hook (docs.zapier.com, operating constraints)."""


@dataclass(frozen=True)
class Zap:
    """One Zap of the account."""

    id: str
    title: str
    enabled: bool


class Zapier:
    """One Zapier account.

    Args:
        outbound: sends.
        api_url: the Workflow API's base.
        api_key: its bearer; None when only hooks are configured.
    """

    def __init__(self, outbound: Outbound, *, api_url: str, api_key: str | None) -> None:
        self._outbound = outbound
        self._api_url = api_url.rstrip("/")
        self._api_key = api_key

    async def post_hook(self, hook: Hook, payload: Mapping[str, Any]) -> str | None:
        """Send a payload to a catch hook.

        Zapier does not recognise a repetition, so only what it certainly did not take is sent again. It answers 200 even
        when no Zap stands behind the hook or the Zap is off.

        Returns:
            The id that Zapier gave the request, which is not a run's id; None in the hook's silent mode.

        Raises:
            OutcomeUnknown: no answer.
            ServerError: Zapier did not take it.
        """
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        if len(body) > PAYLOAD_LIMIT:
            raise BadRequest("payload: larger than the 10 MB that Zapier takes", field="payload")
        request = httpx.Request(
            "POST", hook.url.get_secret_value(), content=body, headers={"content-type": "application/json"}
        )
        policy = Policy(repeatable=False, refused=asks_for_patience)
        try:
            response = await self._outbound.send(request, policy=policy, within=HOOK_SECONDS)
        except NoAnswer as failure:
            if failure.sent:
                raise OutcomeUnknown("Zapier did not answer", speech=UNKNOWN) from None
            raise Unavailable("Zapier cannot be reached", speech=NOT_SENT) from None
        if response.status_code != 200:
            raise _hook_error(response)
        return _hook_id(response)

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
            zaps += [_zap(item) for item in answer.get("data", ())]
            if not answer.get("links", {}).get("next"):
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


NOT_SENT = "The notification has not been sent."
UNKNOWN = "I couldn't confirm that the notification was sent."


def _hook_error(response: httpx.Response) -> ServerError:
    status = response.status_code
    if asks_for_patience(response):
        return TryLater(f"Zapier answered {status}", retry_after=retry_after(response), speech=NOT_SENT)
    if status in {404, 410}:
        return NotFound("Zapier knows no such hook; its URL changes when the Zap's owner does", speech=NOT_SENT)
    if status >= 500:
        return OutcomeUnknown(f"Zapier answered {status}", speech=UNKNOWN)
    return BadRequest(f"Zapier refused the payload ({status})", field="payload", speech=NOT_SENT)


def _hook_id(response: httpx.Response) -> str | None:
    try:
        value = json.loads(response.content).get("id")
    except (ValueError, AttributeError):
        return None
    return str(value) if value else None


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
    if not isinstance(answer, dict):
        raise Unavailable("Zapier's answer is not an object")
    return cast("dict[str, Any]", answer)


def _zap(item: Any) -> Zap:
    return Zap(id=str(item.get("id", "")), title=str(item.get("title", "")), enabled=bool(item.get("is_enabled")))
