"""A stand-in for LiveKit's server API: rooms and dispatches over real Twirp requests, and webhooks signed as it signs them."""

import base64
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
from google.protobuf.json_format import MessageToJson
from livekit import api
from livekit.protocol.models import ParticipantInfo, Room
from livekit.protocol.webhook import WebhookEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.running import running

KEY, SECRET = "devkey", "a-livekit-secret-for-tests-of-32-characters"
PERSON, WORKER = ParticipantInfo.Kind.STANDARD, ParticipantInfo.Kind.AGENT


@dataclass
class StandInLiveKit:
    """Its rooms, and what it was asked.

    Args:
        rooms: who is in each, by kind.
        dispatched: room, worker and metadata of each dispatch.
        up: whether it answers.
    """

    url: str = ""
    rooms: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    dispatched: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list[tuple[str, str, dict[str, Any]]])
    up: bool = True

    @property
    def settings(self) -> dict[str, str]:
        """What leads a backend here."""
        return {"LIVEKIT_URL": self.url, "LIVEKIT_API_KEY": KEY, "LIVEKIT_API_SECRET": SECRET}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/twirp/livekit.RoomService/ListParticipants", self._participants, methods=["POST"]),
                Route("/twirp/livekit.AgentDispatchService/CreateDispatch", self._dispatch, methods=["POST"]),
            ]
        )

    def _grants(self, request: Request) -> dict[str, Any]:
        token = request.headers["authorization"].removeprefix("Bearer ")
        return jwt.decode(token, SECRET, algorithms=["HS256"], issuer=KEY, options={"verify_nbf": False})["video"]

    async def _participants(self, request: Request) -> Response:
        asked = api.ListParticipantsRequest.FromString(await request.body())
        if not self.up:
            return JSONResponse({"code": "unavailable", "msg": "away"}, 503)
        grants = self._grants(request)
        if (grants.get("roomAdmin"), grants.get("room")) != (True, asked.room):
            return JSONResponse({"code": "permission_denied", "msg": "no"}, 403)
        if asked.room not in self.rooms:
            return JSONResponse({"code": "not_found", "msg": "no such room"}, 404)
        inside = [ParticipantInfo(identity=f"p{n}", kind=kind) for n, kind in enumerate(self.rooms[asked.room])]
        answer = api.ListParticipantsResponse(participants=inside)
        return Response(answer.SerializeToString(), media_type="application/protobuf")

    async def _dispatch(self, request: Request) -> Response:
        asked = api.CreateAgentDispatchRequest.FromString(await request.body())
        if not self.up:
            return JSONResponse({"code": "unavailable", "msg": "away"}, 503)
        self.dispatched.append((asked.room, asked.agent_name, json.loads(asked.metadata)))
        answer = api.AgentDispatch(id="d1", agent_name=asked.agent_name, room=asked.room)
        return Response(answer.SerializeToString(), media_type="application/protobuf")


async def send_event(
    client: httpx.AsyncClient, event: str, room: str, kind: Any = PERSON, *, secret: str = SECRET
) -> httpx.Response:
    """Tell a backend of a room, as LiveKit's server does."""
    told = WebhookEvent(event=event, room=Room(name=room), participant=ParticipantInfo(identity="p", kind=kind))
    body = MessageToJson(told)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    token = api.AccessToken(KEY, secret).with_sha256(digest).to_jwt()
    headers = {"authorization": token, "content-type": "application/webhook+json"}
    return await client.post("/api/livekit/webhook", content=body, headers=headers)


@asynccontextmanager
async def stand_in_livekit() -> AsyncGenerator[StandInLiveKit]:
    """Serve it on a real socket."""
    livekit = StandInLiveKit()
    async with running(livekit.app()) as served:
        livekit.url = served.url
        yield livekit
