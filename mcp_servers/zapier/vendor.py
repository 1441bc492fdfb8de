"""Asking Zapier's APIs: what an answer means, in one place for all of them."""

from collections.abc import Mapping
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

COOLDOWN_SECONDS = 60.0
"""Zapier's own pause after too many requests, where it does not say another."""


async def ask(outbound: Outbound, request: httpx.Request, *, reads: bool, within: float) -> httpx.Response:
    """Send a request and take only a success for an answer.

    Args:
        outbound: sends.
        request: what to send.
        reads: whether asking again is harmless.
        within: seconds for all tries.

    Raises:
        OutcomeUnknown: a write that may or may not have had its effect.
        ServerError: any other kind means that it certainly had none.
    """
    try:
        response = await outbound.send(
            request, policy=Policy(repeatable=reads, refused=asks_for_patience), within=within
        )
    except NoAnswer as failure:
        if failure.sent and not reads:
            raise OutcomeUnknown("Zapier did not answer") from None
        raise Unavailable("Zapier does not answer") from None
    if response.status_code < 300:
        return response
    raise _failure(response, reads=reads)


def _failure(response: httpx.Response, *, reads: bool) -> ServerError:
    status = response.status_code
    if status in {401, 403}:
        return NeedsReconnect(f"Zapier refused the credential ({status}): it is not valid, or lacks the scope for this")
    if asks_for_patience(response):
        wait = retry_after(response)
        return TryLater(f"Zapier answered {status}", retry_after=COOLDOWN_SECONDS if wait is None else wait)
    if status in {404, 405}:
        return NotFound(f"Zapier knows no such thing, or does not offer it to this credential ({status})")
    if status < 500:
        return BadRequest(f"Zapier refused the request ({status})")
    if reads:
        return Unavailable(f"Zapier answered {status}")
    return OutcomeUnknown(f"Zapier answered {status}")


def read_object(response: httpx.Response, *, reads: bool = True) -> dict[str, Any]:
    """The answer's object. The published schema types a page as a list that holds it; both are taken."""
    try:
        answer = response.json()
    except ValueError:
        raise _malformed("Zapier's answer is not JSON", reads=reads) from None
    if isinstance(answer, list) and answer:
        answer = cast("list[Any]", answer)[0]
    return mapping(answer, reads=reads)


def items(page: Mapping[str, Any], name: str = "data") -> list[dict[str, Any]]:
    """The objects of a page."""
    found = page.get(name)
    if not isinstance(found, list):
        raise Unavailable("Zapier's answer has no list")
    return [mapping(item) for item in cast("list[object]", found)]


def mapping(value: object, *, reads: bool = True) -> dict[str, Any]:
    """A value that must be an object."""
    if not isinstance(value, dict):
        raise _malformed("Zapier's answer does not have the shape that is documented", reads=reads)
    return cast("dict[str, Any]", value)


def _malformed(error: str, *, reads: bool) -> ServerError:
    return Unavailable(error) if reads else OutcomeUnknown(error)
