"""The running copy's backend, asked by the command line with the copy's service token."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from cli.errors import Stop
from cli.services import backend_url
from cli.state import State

OTHER_COPY = "the backend refuses this copy's token; name its state folder with --state"


class Backend:
    """Asks, and stops with one line where there is no answer or a refusal.

    Args:
        state: of the running copy.
        client: with its address and token.
    """

    def __init__(self, state: State, client: httpx.Client) -> None:
        self._state = state
        self._client = client

    def ask(
        self, method: str, path: str, body: Any = None, *, options: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The answer to a request.

        Args:
            method: of HTTP.
            path: below the backend's address.
            body: sent as JSON.
            options: the command's option that gave a field, for what is refused.

        Raises:
            Stop: the backend is not there or refuses; the message says why, and the fix.
        """
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.TransportError:
            start = f"start it with `voxie up{self._state.options()}`"
            raise Stop(f"the backend does not answer at {backend_url(self._state)}; {start}") from None
        if answer.status_code == 401:
            raise Stop(OTHER_COPY)
        if answer.status_code >= 400:
            raise Stop(f"the backend refuses it: {_reason(answer, options or {})}")
        return answer.json()


@contextmanager
def open_backend(state: State) -> Generator[Backend]:
    """The backend of a copy."""
    headers = {"authorization": f"Bearer {state.secrets['BACKEND_SERVICE_TOKEN']}"}
    with httpx.Client(base_url=backend_url(state), headers=headers, trust_env=False, timeout=10.0) as client:
        yield Backend(state, client)


def _reason(answer: httpx.Response, options: Mapping[str, str]) -> str:
    """What is wrong, after the option or field that it is about; a proxy in between may answer with anything."""
    try:
        said = answer.json()
        field, message = said.get("field"), str(said["message"]).removeprefix("Value error, ")
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"status {answer.status_code}"
    return f"{options.get(field, field)}: {message}" if field else message
