"""The token file of the installed-app flow, for a server that runs alone."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from mcp_servers.google_calendar.fetched import EARLY_SECONDS, FetchedCredentials, TokenAnswer
from mcp_servers.google_calendar.scopes import missing_scopes
from mcp_servers.google_calendar.settings import is_google
from mcp_servers.shared.errors import NeedsReconnect
from mcp_servers.shared.http import Outbound
from mcp_servers.shared.settings import SettingsError


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


class FileCredentials(FetchedCredentials):
    """The installed-app flow's file. A rotated refresh token is saved before it is used.

    Args:
        path: the file, mode 0600.
        outbound: for the token endpoint.
        now: seconds since 1970.
        live: whether only Google's own token endpoint may be used.

    Raises:
        SettingsError: the file cannot be used; a granted scope that is missing is named.
    """

    def __init__(self, path: Path, outbound: Outbound, *, now: Callable[[], float], live: bool) -> None:
        super().__init__(outbound)
        self._path = path
        self._now = now
        self._stored = _read(path, live=live)

    def held(self) -> str | None:
        """The file's token."""
        fresh = self._stored.expires_at - EARLY_SECONDS > self._now()
        return self._stored.token.get_secret_value() if fresh and self._stored.token else None

    async def fetch(self) -> str:
        """Refresh it."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": self._stored.refresh_token.get_secret_value(),
            "client_id": self._stored.client_id,
            "client_secret": self._stored.client_secret.get_secret_value(),
        }
        answer = await self.ask(self._stored.token_uri, form)
        renewed = self._renewed(answer)
        # Whatever else is wrong with it: Google knows the rotated one alone from now on.
        await asyncio.to_thread(_write, self._path, renewed)
        self._stored = renewed
        missing = missing_scopes(renewed.scope) if renewed.scope else []
        if missing:
            raise NeedsReconnect(f"Google did not grant {', '.join(missing)}: the owner must connect again")
        return answer.access_token.get_secret_value()

    def _renewed(self, answer: TokenAnswer) -> StoredToken:
        return self._stored.model_copy(
            update={
                "token": answer.access_token,
                "expires_at": self._now() + answer.expires_in,
                "scope": answer.scope or self._stored.scope,
                "refresh_token": answer.refresh_token or self._stored.refresh_token,
            }
        )


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
