"""Meet links: made only when the client says that it knows of them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from sandbox.google.events import Resource
from sandbox.google.requests import Asked

LETTERS = "abcdefghijkmnopqrstuvwxyz"


def with_conference(event: Resource, asked: Asked) -> Resource:
    """An event with the Meet link that a request asks for, or without the one that it takes away.

    Without ``conferenceDataVersion=1`` the request for it is dropped silently, as Google does.
    """
    if asked.query.get("conferenceDataVersion") != "1" or "conferenceData" not in asked.body:
        return event
    given: Mapping[str, Any] | None = asked.body["conferenceData"]
    if given is None:
        return {key: value for key, value in event.items() if key not in {"conferenceData", "hangoutLink"}}
    request = given.get("createRequest")
    if not request or not request.get("requestId") or _answered(event, request["requestId"]):
        return event
    code = _code(str(request["requestId"]))
    link = f"https://meet.google.com/{code}"
    conference = {
        "createRequest": {
            "requestId": request["requestId"],
            "conferenceSolutionKey": {"type": "hangoutsMeet"},
            "status": {"statusCode": "success"},
        },
        "entryPoints": [{"entryPointType": "video", "uri": link, "label": f"meet.google.com/{code}"}],
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "conferenceId": code,
    }
    return {**event, "conferenceData": conference, "hangoutLink": link}


def _answered(event: Resource, request_id: str) -> bool:
    """A request that was answered before is ignored."""
    made = event.get("conferenceData", {}).get("createRequest", {})
    return made.get("requestId") == request_id


def _code(request_id: str) -> str:
    digest = hashlib.sha256(request_id.encode()).digest()
    letters = "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:10])
    return f"{letters[:3]}-{letters[3:7]}-{letters[7:]}"
