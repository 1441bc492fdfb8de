"""The token file of the installed-app flow, for a server that runs alone."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from mcp_servers.google_calendar.account import OneAccount
from mcp_servers.google_calendar.scopes import missing_scopes
from mcp_servers.google_calendar.settings import is_google
from mcp_servers.shared.calls import Call
from mcp_servers.shared.errors import NeedsReconnect, Unavailable
from mcp_servers.shared.http import NoAnswer, Outbound, Policy, asks_for_patience
from mcp_servers.shared.settings import SettingsError

EARLY_SECONDS = 60.0


class StoredToken(BaseModel):
    """The token file: the JSON of google-auth's authorized user."""

    model_config = ConfigDict(extra="allow")

    refresh_token: SecretStr
    client_id: str
    client_secret: SecretStr
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    token: SecretStr | None = None
    scope: str | None = None
    """What Google granted, separated by spaces; checked at the start when it is known."""
    expires_at: Annotated[float, Field(description="Seconds since 1970")] = 0.0


class FileCredentials(OneAccount):
    """The installed-app flow's file. Refreshed once at a time; a rotated refresh token is saved before it is used.

    Args:
        path: the file, mode 0600.
        outbound: for the token endpoint.
        now: seconds since 1970.
        live: whether only Google's own token endpoint may be used.

    Raises:
        SettingsError: the file cannot be used; a granted scope that is missing is named.
    """

    def __init__(self, path: Path, outbound: Outbound, *, now: Callable[[], float], live: bool) -> None:
        self._path = path
        self._outbound = outbound
        self._now = now
        self._refreshing = asyncio.Lock()
        self._stored = _read(path, live=live)

    async def access_token(self, call: Call | None, *, refused: str | None = None) -> str:
        """A token that is good for a minute at least."""
        del call
        async with self._refreshing:
            token = self._stored.token
            if token is not None and token.get_secret_value() != refused and self._fresh():
                return token.get_secret_value()
            self._stored = await self._refresh()
            assert self._stored.token is not None
            return self._stored.token.get_secret_value()

    def _fresh(self) -> bool:
        return self._stored.expires_at - EARLY_SECONDS > self._now()

    async def _refresh(self) -> StoredToken:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._stored.refresh_token.get_secret_value(),
            "client_id": self._stored.client_id,
            "client_secret": self._stored.client_secret.get_secret_value(),
        }
        request = httpx.Request("POST", self._stored.token_uri, data=form)
        try:
            response = await self._outbound.send(
                request,
                policy=Policy(repeatable=True, refused=asks_for_patience),
                within=self._outbound.deadlines.credential,
            )
        except NoAnswer:
            raise Unavailable("Google's token endpoint does not answer") from None
        if response.status_code != 200:
            raise refusal(response)
        renewed = self._renewed(response.json())
        missing = missing_scopes(renewed.scope) if renewed.scope else []
        if missing:
            raise NeedsReconnect(f"Google did not grant {', '.join(missing)}: the owner must connect again")
        await asyncio.to_thread(_write, self._path, renewed)
        return renewed

    def _renewed(self, answer: dict[str, Any]) -> StoredToken:
        return self._stored.model_copy(
            update={
                "token": SecretStr(str(answer["access_token"])),
                "expires_at": self._now() + float(answer.get("expires_in", 0)),
                "scope": str(answer["scope"]) if "scope" in answer else self._stored.scope,
                "refresh_token": SecretStr(str(answer["refresh_token"]))
                if "refresh_token" in answer
                else self._stored.refresh_token,
            }
        )


def refusal(response: httpx.Response) -> NeedsReconnect | Unavailable:
    """What a refusal of Google's token endpoint means: the owner's turn, or a passing trouble."""
    try:
        reason = str(response.json().get("error", ""))
    except ValueError:
        reason = ""
    if reason in {"invalid_grant", "invalid_client", "unauthorized_client"}:
        return NeedsReconnect(
            f"Google answered {reason}: the owner must connect the account again (`voxie connect google`)"
        )
    return Unavailable(f"Google's token endpoint answered {response.status_code}")


def _read(path: Path, *, live: bool) -> StoredToken:
    try:
        stored = StoredToken.model_validate_json(path.read_text())
    except (OSError, ValidationError):
        # Without the cause, whose text may hold the token.
        msg = f"GOOGLE_CALENDAR_TOKEN_PATH: {path} holds no usable token; run `voxie connect google` again"
        raise SettingsError(msg) from None
    if live and not is_google(stored.token_uri):
        msg = f"GOOGLE_CALENDAR_TOKEN_PATH: the token_uri in {path} is not Google's: live mode never uses another"
        raise SettingsError(msg)
    missing = missing_scopes(stored.scope) if stored.scope else []
    if missing:
        msg = f"GOOGLE_CALENDAR_TOKEN_PATH: Google did not grant {', '.join(missing)}; run `voxie connect google` again and leave every box ticked"
        raise SettingsError(msg)
    return stored


def _write(path: Path, stored: StoredToken) -> None:
    plain = {
        key: value.get_secret_value() if isinstance(value, SecretStr) else value
        for key, value in stored.model_dump().items()
    }
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(plain, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
