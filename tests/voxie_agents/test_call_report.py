"""What a worker tells the backend of a call: every event once, in order, kept while the backend is away, and nothing for ever."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import AgentSession
from livekit.agents.llm import ChatMessage

from contracts.events import MOST_EVENTS, Event, EventBatch, Problem, ToolCall, Turn
from contracts.results import ErrorKind
from tests.clock import Clock
from tests.patience import SECONDS
from tests.world import World
from voxie_agents.backend_client import BackendAway, Refused
from voxie_agents.call_records import CallRecord
from voxie_agents.call_report import MOST_HELD, CallReport
from voxie_agents.offline import OfflineLLM

CALLED = CallRecord(tool="calendar_get_event", server="google-calendar", ms=1500, error=ErrorKind.TRY_LATER)


@dataclass
class Backend:
    """Takes batches, and can be away or refuse."""

    problems: list[Exception] = field(default_factory=list[Exception])
    batches: list[EventBatch] = field(default_factory=list[EventBatch])
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, batch: EventBatch) -> None:
        self.asked.set()
        if self.problems:
            raise self.problems.pop(0)
        self.batches.append(batch)

    @property
    def events(self) -> list[Event]:
        return [event for batch in self.batches for event in batch.events]


NOW = Clock().now


def report_to(backend: Backend, *, now: Callable[[], Any] = NOW, pause: float = 0.0) -> CallReport:
    return CallReport(backend.take, now=now, pause=pause)


async def test_a_tool_call_is_told_with_when_it_began_and_what_happened_next() -> None:
    backend, clock = Backend(), Clock()
    report = report_to(backend, now=clock.now)
    report.tool_called(CALLED)
    await report.aclose()
    (event,) = backend.events
    assert isinstance(event, ToolCall)
    assert (event.tool, event.server, event.ms, event.error) == (CALLED.tool, CALLED.server, 1500, CALLED.error)
    assert (clock.now() - event.at).total_seconds() == 1.5


async def test_while_the_backend_is_away_events_wait_and_go_out_again_under_the_same_ids() -> None:
    backend = Backend(problems=[BackendAway("no", retry_after=0.0)])
    report = report_to(backend)
    report.tool_called(CALLED)
    async with asyncio.timeout(SECONDS):
        await backend.asked.wait()
    report.tool_called(CALLED)
    await report.aclose()
    ids = [event.id for event in backend.events]
    assert len(ids) == len(set(ids)) == 2


async def test_a_batch_that_is_refused_does_not_hold_up_the_others() -> None:
    backend = Backend(problems=[Refused("422")])
    report = report_to(backend)
    for _ in range(MOST_EVENTS + 1):
        report.tool_called(CALLED)
    await report.aclose()
    assert len(backend.events) == 1


async def test_more_than_can_be_kept_is_counted_as_lost_and_said() -> None:
    backend = Backend()
    report = report_to(backend, pause=3600)
    for _ in range(MOST_HELD + 3):
        report.tool_called(CALLED)
    await report.aclose()
    assert len(backend.events) == MOST_HELD + 1
    assert backend.events[-1] == Problem(id=backend.events[-1].id, at=Clock().now(), name="events_dropped")


async def test_a_backend_that_stays_away_does_not_hold_up_the_end_of_a_call() -> None:
    backend = Backend(problems=[BackendAway("no", retry_after=3600)])
    report = report_to(backend, pause=3600)
    report.tool_called(CALLED)
    async with asyncio.timeout(SECONDS):
        await report.aclose()
    assert backend.events == []


async def test_a_turn_that_was_cut_off_is_told_as_it_was_heard() -> None:
    backend = Backend()
    report = report_to(backend)
    session: Any = AgentSession(llm=OfflineLLM())
    report.watch(session)
    said = ChatMessage(role="assistant", content=["We open at"], interrupted=True, metrics={"e2e_latency": 0.8})
    session._conversation_item_added(said)
    await report.aclose()
    (event,) = backend.events
    assert isinstance(event, Turn)
    assert (event.text, event.interrupted, event.latency_ms) == ("We open at", True, 800)


async def test_a_turn_with_half_of_a_character_is_told_all_the_same() -> None:
    """Some servers send an emoji in two halves, or only one of them; no JSON takes that."""
    backend = Backend()
    report = report_to(backend)
    session: Any = AgentSession(llm=OfflineLLM())
    report.watch(session)
    for text in ("See you \ud83d\ude00 then", "See you \ud83d then"):
        session._conversation_item_added(ChatMessage(role="assistant", content=[text]))
    await report.aclose()
    assert [event.text for event in backend.events if isinstance(event, Turn)] == [
        "See you \U0001f600 then",
        "See you \ufffd then",
    ]


async def test_each_turn_of_a_conversation_is_told_once(world: World) -> None:
    backend = Backend()
    report = report_to(backend)
    async with world.caller() as caller:
        report.watch(caller.session)
        answer = await caller.says("what are your opening hours?")
        await report.aclose()
    told = [(event.speaker.value, event.text) for event in backend.events if isinstance(event, Turn)]
    assert told == [("caller", "what are your opening hours?"), ("agent", answer)]
