"""Every request to a vendor goes through here: one bounded pool, one place that retries.

Retries follow a predicate, stay within the turn's deadline, and never repeat a write whose outcome is unknown unless the
vendor makes repeating it harmless.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from contracts.deadlines import Deadlines
from contracts.telemetry import SpanKey, SpanName
from tracing import note_outcome, span

POOL = httpx.Limits(max_connections=50, max_keepalive_connections=20, keepalive_expiry=60.0)
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
MOST_TRIES = 4

MAY_HAVE_ACTED = "voxie_may_have_acted"
UNCLEAR_STATUSES = {500, 502, 504}
"""Answers of whoever stands in between, or of a vendor that broke half way: the effect may be there."""

RetryCheck = Callable[[httpx.Response], bool]


class NoAnswer(Exception):
    """The vendor gave no usable answer.

    Args:
        sent: whether the request may have reached the vendor.
    """

    def __init__(self, *, sent: bool) -> None:
        super().__init__("no answer from the vendor")
        self.sent = sent


@dataclass(frozen=True)
class Policy:
    """What may be repeated.

    Args:
        repeatable: repeating the request is harmless (a read, or a write the vendor recognises as the same).
        refused: the vendor's answer says that it did nothing and may be asked again.
        may_retry: asked before each further try; False ends the trying, so that retries count against a limit too.
    """

    repeatable: bool
    refused: RetryCheck
    may_retry: Callable[[], bool] = lambda: True


def asks_for_patience(response: httpx.Response) -> bool:
    """The statuses with which any vendor says that it did nothing and may be asked again."""
    return response.status_code in {429, 503}


class Outbound:
    """The seam between our servers and the vendors' HTTP.

    Args:
        client: the pool to send with.
        deadlines: of the tools that send through it.
        sleep: waits between tries; injected in tests.
        jitter: a number from 0 to 1; injected in tests.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        deadlines: Deadlines = Deadlines(),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self.deadlines = deadlines
        self._sleep = sleep
        self._jitter = jitter

    @classmethod
    def open(cls, deadlines: Deadlines = Deadlines()) -> "Outbound":
        """With a pool of its own; redirects are not followed, since a payload must not travel to another place."""
        return cls(
            httpx.AsyncClient(limits=POOL, http2=True, follow_redirects=False, timeout=10.0), deadlines=deadlines
        )

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.aclose()

    async def send(self, request: httpx.Request, *, policy: Policy, within: float) -> httpx.Response:
        """Send until there is an answer that is not worth another try.

        Args:
            request: what to send.
            policy: what may be repeated.
            within: seconds for all tries together.

        Returns:
            The last answer. ``may_have_acted(answer)`` says whether an earlier try may have had the effect that this
            answer denies.

        Raises:
            NoAnswer: no connection, a cut line or no time left; ``sent`` says whether the vendor may have acted on any try.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + within
        acted = False
        for attempt in range(MOST_TRIES):
            last = attempt == MOST_TRIES - 1
            try:
                response = await self._send_once(request, ends - loop.time())
            except NoAnswer as failure:
                acted = acted or failure.sent
                hopeless = last or (failure.sent and not policy.repeatable)
                if hopeless or not await self._pause(attempt, None, ends) or not policy.may_retry():
                    raise NoAnswer(sent=acted) from None
                continue
            response.extensions[MAY_HAVE_ACTED] = acted
            if last or not self._worth_another_try(response, policy):
                return response
            if not await self._pause(attempt, response, ends) or not policy.may_retry():
                return response
            acted = acted or response.status_code in UNCLEAR_STATUSES
        raise AssertionError("unreachable: the last try returns or raises")

    @staticmethod
    def _worth_another_try(response: httpx.Response, policy: Policy) -> bool:
        return policy.refused(response) or (policy.repeatable and response.status_code >= 500)

    async def _send_once(self, request: httpx.Request, seconds: float) -> httpx.Response:
        if seconds <= 0:
            raise NoAnswer(sent=False)
        with span(SpanName.VENDOR_REQUEST, method=request.method) as told:
            try:
                async with asyncio.timeout(seconds):
                    response = await self._client.send(request)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
                note_outcome(told, "not_sent")
                raise NoAnswer(sent=False) from None
            except (httpx.RequestError, TimeoutError):
                # Whatever else went wrong, a broken answer too: the vendor may have acted.
                note_outcome(told, "no_answer")
                raise NoAnswer(sent=True) from None
            told.set_attribute(SpanKey.STATUS.value, response.status_code)
            return response

    async def _pause(self, attempt: int, response: httpx.Response | None, ends: float) -> bool:
        """Wait before the next try; False when there is no time for one."""
        hinted = retry_after(response) if response is not None else None
        seconds = (
            hinted if hinted is not None else min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE) * (0.5 + self._jitter())
        )
        if asyncio.get_running_loop().time() + seconds >= ends:
            return False
        await self._sleep(seconds)
        return True


def may_have_acted(response: httpx.Response) -> bool:
    """Whether a try before this answer's was cut or broke, so that its effect may be there whatever this answer says."""
    return bool(response.extensions.get(MAY_HAVE_ACTED))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or a date; None without the header, or when it is neither."""
    value = response.headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _seconds_until(value)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    # RFC 9110 dates are in GMT, also when they do not say so.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
