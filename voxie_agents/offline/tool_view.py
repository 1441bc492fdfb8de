"""A tool as the brain sees it: its schema, and what it is for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from livekit.agents.llm import RawFunctionTool, Tool

from contracts.meta import CONSENT, PURPOSE, SLOTS


@dataclass(frozen=True)
class ToolView:
    """One tool.

    Args:
        name: what it is called by.
        purpose: ``book``, ``check``, ``list``, ``cancel``, or something that the brain has no use for.
        required: its mandatory arguments in the order to ask for them.
        slots: argument → kind and question.
        consent: a read-back and a yes come first.
        most: argument → the largest number that it takes.
    """

    name: str
    purpose: str | None
    required: tuple[str, ...]
    slots: Mapping[str, Mapping[str, str]]
    consent: bool
    most: Mapping[str, int] = field(default_factory=dict[str, int])

    def exceeds(self, argument: str, value: object) -> bool:
        """Whether a value is larger than the tool takes."""
        return isinstance(value, int) and argument in self.most and value > self.most[argument]

    def kind(self, argument: str) -> str:
        """What to listen for."""
        return self.slots.get(argument, {}).get("kind", "text")

    def question(self, argument: str) -> str:
        """What asks for it; made of the argument's name when the tool brings no question."""
        return self.slots.get(argument, {}).get("ask", f"What is the {argument.replace('_', ' ')}?")

    def argument_of(self, kind: str) -> str | None:
        """The argument that takes a kind of thing."""
        return next((name for name, slot in self.slots.items() if slot.get("kind") == kind), None)


def views(tools: Iterable[Tool]) -> dict[str, ToolView]:
    """The tools that have a purpose, by it."""
    found = (_view(tool.info.raw_schema) for tool in tools if isinstance(tool, RawFunctionTool))
    return {view.purpose: view for view in found if view.purpose is not None}


def _view(schema: Mapping[str, Any]) -> ToolView:
    meta: Mapping[str, Any] = schema.get("meta") or {}
    properties: Mapping[str, Mapping[str, Any]] = schema["parameters"].get("properties", {})
    return ToolView(
        name=str(schema["name"]),
        purpose=meta.get(PURPOSE),
        required=tuple(schema["parameters"].get("required", ())),
        slots=meta.get(SLOTS, {}),
        consent=bool(meta.get(CONSENT)),
        most={name: limits["maximum"] for name, limits in properties.items() if "maximum" in limits},
    )
