"""LiveKit rooms: their names, who is dispatched into them, and the tokens that let somebody in."""

import json
import secrets
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from livekit import api
from livekit.protocol.models import ParticipantInfo
from livekit.protocol.room import RoomConfiguration
from pydantic import SecretStr

from backend.calls.schemas import Spawned
from backend.errors import ApiError

SPAWNER, CREATOR = "voxie-spawner", "voxie"
JOIN_WITHIN = timedelta(minutes=15)
EMPTY_SECONDS = 60
MOST_PARTICIPANTS = 5
API_TIMEOUT = aiohttp.ClientTimeout(total=5)


class LiveKitAway(Exception):
    """The LiveKit server does not answer; what is in a room is not known now."""


class NotFromLiveKit(Exception):
    """A message that our LiveKit server did not sign."""


@dataclass(frozen=True)
class Occupants:
    """Who is in a room.

    Args:
        worker: whether a worker of ours is.
        people: how many others there are.
    """

    worker: bool
    people: int


@dataclass(frozen=True)
class RoomSettings:
    """Where rooms are.

    Args:
        url: of the LiveKit server, as browsers reach it.
        api_url: of the same, as the backend reaches it.
        key: of its API.
        secret: of its API.
    """

    url: str
    api_url: str
    key: str
    secret: SecretStr


def agent_room(agent_id: str) -> str:
    """A new room for a call of an agent."""
    return f"agent-{agent_id}-{secrets.token_hex(4)}"


def creator_room() -> str:
    """A new room for a talk with the creator agent."""
    return f"voxie-creation-{secrets.token_hex(4)}"


class Rooms:
    """Lets people into rooms. The token itself carries the explicit dispatch, so that nothing runs until somebody joins.

    Args:
        settings: None when there is no LiveKit server.
    """

    def __init__(self, settings: RoomSettings | None) -> None:
        self._settings = settings

    @property
    def there(self) -> bool:
        """Whether there is a LiveKit server."""
        return self._settings is not None

    def must_be_there(self) -> RoomSettings:
        """The settings.

        Raises:
            ApiError: 503, there is no LiveKit server.
        """
        if self._settings is None:
            raise ApiError(
                503,
                "livekit_missing",
                "voice calls need a LiveKit server: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET",
            )
        return self._settings

    def let_in(
        self, room: str, *, worker: str, job: dict[str, object], identity: str, name: str | None, call_id: str | None
    ) -> Spawned:
        """A token for one person and one room, into which a worker of ours is dispatched.

        Args:
            room: the room's name.
            worker: the agent name of the worker to dispatch.
            job: what the worker is told.
            identity: of the person in the room.
            name: to show.
            call_id: of the call.
        """
        settings = self.must_be_there()
        dispatch = api.RoomAgentDispatch(agent_name=worker, metadata=json.dumps(job))
        config = RoomConfiguration(
            name=room, empty_timeout=EMPTY_SECONDS, max_participants=MOST_PARTICIPANTS, agents=[dispatch]
        )
        grants = api.VideoGrants(room_join=True, room=room, can_update_own_metadata=False)
        token = (
            api.AccessToken(settings.key, settings.secret.get_secret_value())
            .with_identity(identity)
            .with_name(name or "Caller")
            .with_ttl(JOIN_WITHIN)
            .with_grants(grants)
            .with_room_config(config)
        )
        return Spawned(server_url=settings.url, participant_token=token.to_jwt(), room_name=room, call_id=call_id)

    async def occupants(self, room: str) -> Occupants:
        """Who is in a room; nobody when there is no such room any more.

        Raises:
            LiveKitAway: it is not known.
        """
        try:
            async with self._api() as livekit:
                answer = await livekit.room.list_participants(api.ListParticipantsRequest(room=room))
        except api.TwirpError as error:
            if error.code == api.TwirpErrorCode.NOT_FOUND:
                return Occupants(worker=False, people=0)
            raise LiveKitAway(error.code) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LiveKitAway(type(error).__name__) from None
        workers = [one for one in answer.participants if one.kind == ParticipantInfo.Kind.AGENT]
        return Occupants(worker=bool(workers), people=len(answer.participants) - len(workers))

    async def dispatch(self, room: str, job: dict[str, object]) -> None:
        """Send a worker into a room in which somebody waits.

        Raises:
            LiveKitAway: it could not be told.
        """
        request = api.CreateAgentDispatchRequest(agent_name=SPAWNER, room=room, metadata=json.dumps(job))
        try:
            async with self._api() as livekit:
                await livekit.agent_dispatch.create_dispatch(request)
        except (api.TwirpError, aiohttp.ClientError, TimeoutError) as error:
            raise LiveKitAway(type(error).__name__) from None

    def _api(self) -> api.LiveKitAPI:
        settings = self.must_be_there()
        return api.LiveKitAPI(
            settings.api_url, settings.key, settings.secret.get_secret_value(), timeout=API_TIMEOUT, failover=False
        )

    def read_event(self, body: str, token: str) -> api.WebhookEvent:
        """What LiveKit tells, once its signature is checked.

        Raises:
            NotFromLiveKit: it is not signed with our key.
            ApiError: 503, there is no LiveKit server.
        """
        settings = self.must_be_there()
        verifier = api.TokenVerifier(settings.key, settings.secret.get_secret_value())
        try:
            return api.WebhookReceiver(verifier).receive(body, token)
        except Exception:  # noqa: BLE001 - it raises plain exceptions and those of its JWT and protobuf libraries
            raise NotFromLiveKit("the message is not signed with our key") from None
