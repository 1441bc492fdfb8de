"""The sandbox's own doors to the stand-in, below ``/_sandbox/google/``."""

from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.google.grants import Grants
from sandbox.google.knobs import Knobs
from sandbox.google.store import Store

BASE = "/_sandbox/google"


class _Whose(BaseModel):
    model_config = ConfigDict(extra="forbid")

    account: str | None = None


class _Client(BaseModel):
    model_config = ConfigDict(extra="forbid")

    client_id: str
    client_secret: str
    redirect_uris: list[str]


def admin_routes(grants: Grants, knobs: Knobs, store: Store) -> tuple[Route, ...]:
    """The routes; the app's guard stands before all of them."""

    async def settings(request: Request) -> Response:
        if request.method == "POST":
            given = Knobs.model_validate_json(await request.body())
            for name in given.model_fields_set:
                setattr(knobs, name, getattr(given, name))
        return JSONResponse(knobs.model_dump())

    async def expire_tokens(request: Request) -> Response:
        whose = _Whose.model_validate_json(await request.body() or b"{}")
        return JSONResponse({"expired": await grants.expire(whose.account)})

    async def revoke_grants(request: Request) -> Response:
        whose = _Whose.model_validate_json(await request.body() or b"{}")
        if whose.account is None:
            return JSONResponse({"error": "account: name the account to sign out"}, status_code=400)
        return JSONResponse({"revoked": await grants.revoke_account(whose.account)})

    async def expire_sync_tokens(_: Request) -> Response:
        async with store.transaction() as rows:
            await rows.expire_sync_tokens()
        return JSONResponse({"status": "expired"})

    async def register_client(request: Request) -> Response:
        client = _Client.model_validate_json(await request.body())
        await grants.register(client.client_id, client.client_secret, client.redirect_uris)
        return JSONResponse({"status": "registered"})

    return (
        Route(f"{BASE}/settings", _checked(settings), methods=["GET", "POST"]),
        Route(f"{BASE}/clients", _checked(register_client), methods=["POST"]),
        Route(f"{BASE}/access-tokens/expire", _checked(expire_tokens), methods=["POST"]),
        Route(f"{BASE}/sync-tokens/expire", _checked(expire_sync_tokens), methods=["POST"]),
        Route(f"{BASE}/grants/revoke", _checked(revoke_grants), methods=["POST"]),
    )


def _checked(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Name what is wrong with a body."""

    async def handle(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(str(part) for part in problem["loc"])
            return JSONResponse({"error": f"{name}: {problem['msg']}"}, status_code=400)

    return handle
