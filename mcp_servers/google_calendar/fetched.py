"""Access tokens that Google's token endpoint gives, for a server that runs alone."""

import asyncio
from abc import ABC, abstractmethod
from typing import Annotated

import httpx
from pydantic import BaseModel, Field, SecretStr, ValidationError

from mcp_servers.google_calendar.account import OneAccount
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import NeedsReconnect, Unavailable
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience

EARLY_SECONDS = 60.0


class TokenAnswer(BaseModel):
    """What the token endpoint answers (RFC 6749, 5.1)."""

    access_token: Annotated[SecretStr, Field(min_length=1)]
    expires_in: float = 0.0
    scope: str | None = None
    refresh_token: Annotated[SecretStr | None, Field(min_length=1)] = None


class FetchedCredentials(OneAccount, ABC):
    """Fetched once at a time, in a task of its own: a caller who hangs up meanwhile loses it for nobody, and a refresh token that
    was rotated for one is kept.

    Args:
        outbound: for the token endpoint.
    """

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._fetching: asyncio.Task[str] | None = None

    async def access_token(self, call: Call | None, *, refused: str | None = None) -> str:
        """A token that is good for a minute at least."""
        del call
        held = self.held()
        if held is not None and held != refused:
            return held
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self.fetch())
            self._fetching.add_done_callback(_read)
        return await asyncio.shield(self._fetching)

    async def aclose(self) -> None:
        """Wait for what is being fetched: it may have to be saved."""
        if self._fetching is not None:
            await asyncio.gather(self._fetching, return_exceptions=True)

    @abstractmethod
    def held(self) -> str | None:
        """The token that is there, if it is good for a minute at least."""

    @abstractmethod
    async def fetch(self) -> str:
        """Ask for a new one and keep it."""

    async def ask(self, url: str, form: dict[str, str]) -> TokenAnswer:
        """Ask the token endpoint.

        Raises:
            NeedsReconnect: it refuses the grant.
            Unavailable: it does not answer, or not as a token endpoint does.
        """
        request = httpx.Request("POST", url, data=form)
        policy = Policy(repeatable=True, refused=asks_for_patience)
        try:
            response = await self._outbound.send(request, policy=policy, within=self._outbound.deadlines.credential)
        except NoAnswer:
            raise Unavailable("Google's token endpoint does not answer") from None
        if response.status_code != 200:
            raise _refusal(response)
        try:
            return TokenAnswer.model_validate_json(response.content)
        except ValidationError:
            # Without the cause, whose text may hold the token.
            raise Unavailable("the answer of Google's token endpoint holds no token") from None


def _refusal(response: httpx.Response) -> NeedsReconnect | Unavailable:
    """What a refusal of Google's token endpoint means: the owner's turn, or a passing trouble."""
    try:
        reason = str(response.json().get("error", ""))
    except (ValueError, AttributeError):
        reason = ""
    if reason in {"invalid_grant", "invalid_client", "unauthorized_client"}:
        return NeedsReconnect(
            f"Google answered {reason}: the owner must connect the account again (`voxie connect google`)"
        )
    return Unavailable(f"Google's token endpoint answered {response.status_code}")


def _read(task: asyncio.Task[str]) -> None:
    """Look at how it ended: those who waited may have gone."""
    if not task.cancelled():
        task.exception()
