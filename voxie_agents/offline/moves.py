"""What the brain decides to do: say something, or call a tool."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Say:
    """Say something.

    Args:
        text: all of it.
        asks: what the next turn answers: an argument, or a question of the brain's own; None when nothing is asked.
        ends: nothing is open any more: what was talked about is done, or dropped.
        again: a question that was not answered is asked again, so it is not what a "pardon?" repeats.
    """

    text: str
    asks: str | None = None
    ends: bool = False
    again: bool = False


@dataclass(frozen=True)
class Use:
    """Call a tool."""

    tool: str
    arguments: Mapping[str, object]


Move = Say | Use
