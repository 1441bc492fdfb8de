"""``voxie connect NAME``: the installed-app flow, for a server that runs alone.

PKCE and a loopback redirect, as RFC 8252 wants them; the vendor's scopes and parameters come from the manifest.
"""

import json
import os
import sys
import webbrowser
from pathlib import Path
from typing import Any, cast

from google_auth_oauthlib.flow import InstalledAppFlow, WSGITimeoutError
from oauthlib.oauth2.rfc6749.errors import OAuth2Error
from requests.exceptions import RequestException

from cli.errors import Stop
from cli.services import manifests
from cli.state import State
from contracts.manifest import Manifest, OAuthProvider

WAIT_SECONDS = 600
ASK = "Open this address and allow the access:\n\n  {url}\n"
DONE = "Voxie is connected. You can close this page."


def connect(state: State, name: str, *, client: Path | None, token: Path | None) -> None:
    """Ask the person for access and keep the token.

    Args:
        state: whose folder gets the token when no place is named.
        name: the integration, or the beginning of its name.
        client: the OAuth client's JSON file, as the vendor's console gives it.
        token: where to write the token.

    Raises:
        Stop: it did not work; the message says what to do.
    """
    manifest, provider = _with_oauth(name)
    prefix = _prefix(manifest)
    # As that server's own settings name them, so that what was set once is not asked again.
    named_client, named_token = (os.environ.get(f"{prefix}_{what}_PATH") for what in ("CREDENTIALS", "TOKEN"))
    source = client or (Path(named_client) if named_client else None)
    if source is None:
        raise Stop(f"name the OAuth client's JSON file with --client, or set {prefix}_CREDENTIALS_PATH")
    target = token or (Path(named_token) if named_token else state.folder / f"{manifest.name}-token.json")
    stored = _ask(source, provider)
    _write(target, stored)
    sys.stdout.write(f"Connected. The token is in {target}; start the server with {prefix}_TOKEN_PATH={target}\n")


def _with_oauth(name: str) -> tuple[Manifest, OAuthProvider]:
    # Only a server that can use a token alone: the others are connected in the dashboard.
    known = [manifest for manifest in manifests().values() if manifest.oauth and _takes_a_token(manifest)]
    for manifest in known:
        if manifest.name.startswith(name) and manifest.oauth:
            return manifest, manifest.oauth
    raise Stop(f"nothing called {name!r} is connected this way; there are: {', '.join(m.name for m in known)}")


def _takes_a_token(manifest: Manifest) -> bool:
    wanted = f"{_prefix(manifest)}_TOKEN_PATH"
    return any(variable.name == wanted for variable in manifest.variables)


def _prefix(manifest: Manifest) -> str:
    return manifest.name.upper().replace("-", "_")


def _ask(source: Path, provider: OAuthProvider) -> dict[str, Any]:
    # The vendor may grant less than was asked; that is looked at below, with a better message than oauthlib's.
    os.environ.update({"OAUTHLIB_RELAX_TOKEN_SCOPE": "1"})
    flow = _flow(source, provider)
    try:
        credentials: Any = flow.run_local_server(
            host="127.0.0.1",
            port=0,
            open_browser=_has_browser(),
            authorization_prompt_message=ASK,
            success_message=DONE,
            timeout_seconds=WAIT_SECONDS,
            **cast("dict[str, Any]", provider.authorize_parameters),
        )
    except WSGITimeoutError:
        raise Stop(f"nobody allowed the access within {WAIT_SECONDS // 60} minutes; run the command again") from None
    except OAuth2Error as error:
        raise Stop(f"the access was not given ({error.error}); run the command again and allow it") from None
    except RequestException as error:
        raise Stop(f"the vendor's token endpoint does not answer ({type(error).__name__}); try again later") from None
    missing = sorted(set(provider.scopes) - set(credentials.granted_scopes or provider.scopes))
    if missing:
        raise Stop(f"these permissions were not given: {', '.join(missing)}; run the command again and tick them all")
    if not credentials.refresh_token:
        raise Stop("no refresh token was given; remove the app's access in your account's settings, and run it again")
    return json.loads(credentials.to_json())


def _flow(source: Path, provider: OAuthProvider) -> InstalledAppFlow:
    try:
        return InstalledAppFlow.from_client_secrets_file(str(source), scopes=list(provider.scopes))
    except OSError as error:
        raise Stop(f"cannot read {source} ({error.strerror}); download the OAuth client's JSON there") from None
    except ValueError:
        raise Stop(f"{source} is not an OAuth client of the kind Desktop app; download its JSON again") from None


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _write(path: Path, stored: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = path.with_name(path.name + ".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(stored, file)
        partial.replace(path)
    except OSError as error:
        raise Stop(f"cannot write {path} ({error.strerror}); name another place with --token") from None
