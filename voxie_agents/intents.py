"""A flow of several writes is told to the backend before its first: what is open when the job is gone does not go unseen."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from contracts.events import IntentStep, NewIntent
from voxie_agents.backend_client import BackendError, CallOver

log = structlog.get_logger()


class PostIntent(Protocol):
    """What a flow tells of itself before its first write."""

    async def __call__(self, flow: str, steps: Sequence[IntentStep]) -> bool:
        """Tell it; whether the flow may go on."""
        ...


async def tell_nobody(flow: str, steps: Sequence[IntentStep]) -> bool:
    """There is no backend."""
    del flow, steps
    return True


def post_to(send: Callable[[NewIntent], Awaitable[object]], *, seconds: float) -> PostIntent:
    """Tell the backend.

    A backend that is away stops no booking: the write is safe by the ledger, only nobody would report it half done.

    Args:
        send: gives an intent to the backend; raises ``BackendError``.
        seconds: how long a write waits for its intent to be told.
    """

    async def post(flow: str, steps: Sequence[IntentStep]) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await send(NewIntent(id=f"{flow}-{secrets.token_hex(8)}", flow=flow, steps=tuple(steps)))
        except CallOver:
            return False
        except (BackendError, TimeoutError) as error:
            log.warning("intent not told", flow=flow, error_type=type(error).__name__)
        return True

    return post
