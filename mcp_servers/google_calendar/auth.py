"""Where an access token comes from: the backend's broker, a service account, a token file, or a bearer (demo)."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import SecretStr

from contracts.manifest import Manifest
from mcp_servers.google_calendar.account import Credentials, OneAccount
from mcp_servers.google_calendar.scopes import missing_scopes
from mcp_servers.google_calendar.service_account import ServiceAccountCredentials
from mcp_servers.google_calendar.settings import GoogleCalendarSettings
from mcp_servers.google_calendar.token_file import FileCredentials
from mcp_servers.shared.calls import Call
from mcp_servers.shared.credentials import Broker, Credential
from mcp_servers.shared.errors import NeedsReconnect, NotAllowed
from mcp_servers.shared.http import Outbound


class BearerCredentials(OneAccount):
    """One bearer, used as it is."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    async def access_token(self, call: Call | None, *, refused: str | None = None) -> str:
        """The bearer."""
        del call
        token = self._token.get_secret_value()
        if refused == token:
            raise NeedsReconnect("Google refused the access token; set a valid one")
        return token


class BrokeredCredentials:
    """The account that the call's workspace connected, by exchange of its call token."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def connection(self, call: Call | None) -> str:
        """The connection's id."""
        return (await self._credential(call, refused=None)).connection

    async def settings(self, call: Call) -> Mapping[str, Any]:
        """What the owner set at the backend."""
        return (await self._credential(call, refused=None)).settings

    async def access_token(self, call: Call | None, *, refused: str | None = None) -> str:
        """The connection's access token."""
        credential = await self._credential(call, refused=refused)
        missing = missing_scopes(credential.scope) if credential.scope else []
        if missing:
            raise NeedsReconnect(f"Google did not grant {', '.join(missing)}: the owner must connect again")
        return credential.token.get_secret_value()

    async def aclose(self) -> None:
        """Give up the exchanges under way."""
        await self._broker.aclose()

    async def _credential(self, call: Call | None, *, refused: str | None) -> Credential:
        if call is None:
            raise NotAllowed("with call tokens there is no account outside a call")
        if call.token is None and call.connection is not None:
            return self._broker.of_connection(call.workspace, call.connection)
        return await self._broker.credential(call, refused=refused)


def credentials_for(
    settings: GoogleCalendarSettings, manifest: Manifest, outbound: Outbound, *, now: Callable[[], float]
) -> Credentials:
    """The source that the settings name.

    Raises:
        SettingsError: what they name cannot be used.
    """
    if settings.auth == "jwks":
        return BrokeredCredentials(Broker.of(settings, manifest, outbound, now=now))
    if settings.access_token is not None:
        return BearerCredentials(settings.access_token)
    if settings.service_account_path is not None:
        return ServiceAccountCredentials(
            settings.service_account_path, settings.subject, outbound, now=now, live=not settings.demo
        )
    assert settings.token_path is not None, "the settings check that there is a credential"
    return FileCredentials(settings.token_path, outbound, now=now, live=not settings.demo)
