"""A call by text that keeps all that was said and done, and checks every line of the agent for claims that nothing proves."""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import llm

from contracts.deadlines import Deadlines
from tests.fakes.scripted_llm import Call, ScriptedLLM
from tests.patience import PATIENCE
from tests.world import Caller, World

CLAIM = re.compile(r"\b(booked|reserved|confirmed|cancelled|canceled|moved|changed|sent|notified)\b")
NEGATED = re.compile(
    r"\b(?:not|nothing|no|n't|never|haven't|hasn't|couldn't|can't|isn't|whether|shall i|before)\b.*$|\?$", re.IGNORECASE
)
PROOF = {
    "booked": "booked", "reserved": "booked", "confirmed": "booked", "cancelled": "cancelled", "canceled": "cancelled",
    "moved": "moved", "changed": "changed", "sent": "sent", "notified": "sent",
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """One tool call of a turn."""

    tool: str
    arguments: dict[str, Any]
    output: dict[str, Any]
    failed: bool

    @property
    def receipt(self) -> dict[str, Any] | None:
        return self.output.get("receipt")


@dataclass(frozen=True)
class Turn:
    """What a caller said and what came of it."""

    words: str
    line: str
    uses: tuple[Use, ...]


@dataclass
class Talk:
    """One call."""

    caller: Caller
    turns: list[Turn] = field(default_factory=list)

    @property
    def line(self) -> str:
        return self.turns[-1].line

    async def says(self, *turns: str) -> str:
        """Say some turns; the answer to the last is returned, and every answer is checked."""
        for words in turns:
            self.turns.append(await self._turn(words))
            check_claims(self.turns)
        return self.line

    async def _turn(self, words: str) -> Turn:
        result = await self.caller.session.run(user_input=words)
        calls: dict[str, Any] = {}
        uses: list[Use] = []
        lines: list[str] = []
        for event in result.events:
            item = event.item
            if event.type == "function_call":
                calls[item.call_id] = item
            elif event.type == "function_call_output":
                call = calls[item.call_id]
                uses.append(Use(call.name, json.loads(call.arguments or "{}"), _read(item.output), item.is_error))
            elif event.type == "message" and item.role == "assistant":
                lines.append(item.text_content or "")
        return Turn(words, " ".join(lines), tuple(uses))

    def used(self, tool: str) -> list[Use]:
        return [use for turn in self.turns for use in turn.uses if use.tool == tool]


def _read(output: str) -> dict[str, Any]:
    try:
        data = json.loads(output)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def claims(line: str) -> set[str]:
    """What an agent's line says has been done."""
    found: set[str] = set()
    for sentence in re.split(r"(?<=[.!?])\s+", line):
        for clause in re.split(r",? (?:so|but) ", sentence):
            if not NEGATED.search(clause):
                found |= {PROOF[word] for word in CLAIM.findall(clause.lower())}
    return found


def check_claims(turns: list[Turn]) -> None:
    """Whatever the last line claims has a receipt of the same turn."""
    turn = turns[-1]
    proved: set[str] = set()
    for use in turn.uses:
        for key in ("receipt", "notification_receipt"):
            if use.output.get(key) and not use.failed:
                proved.add(use.output[key]["action"])
    missing = claims(turn.line) - proved
    assert not missing, f"{turn.line!r} claims {missing} without a receipt"


@asynccontextmanager
async def talking(
    world: World, *, caller: str | None = None, model: llm.LLM[Any] | None = None, deadlines: Deadlines = PATIENCE
) -> AsyncGenerator[Talk]:
    """Somebody on the phone with the restaurant."""
    async with world.caller(caller=caller, model=model, deadlines=deadlines) as somebody:
        yield Talk(somebody)


class Model:
    """A model that follows a script, and the call that it is on."""

    def __init__(self, talk: Talk, model: ScriptedLLM) -> None:
        self._talk, self._model = talk, model

    async def hears(self, words: str, *steps: Call | str) -> list[dict[str, Any]]:
        """A caller turn, and what the model does in it; what its calls brought."""
        self._model.then(*steps)
        await self._talk.says(words)
        return [use.output for use in self._talk.turns[-1].uses]


@asynccontextmanager
async def scripted(world: World, *, caller: str | None = None) -> AsyncGenerator[Model]:
    model = ScriptedLLM()
    async with talking(world, caller=caller, model=model) as talk:
        yield Model(talk, model)
