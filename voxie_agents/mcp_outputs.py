"""What a model reads of a tool's answer."""

import json
from collections.abc import Mapping
from typing import Any, cast

from livekit.agents import ToolError

from contracts.results import ErrorKind, ToolAnswer, ToolFailure

LONGEST_OUTPUT = 24_000
"""Characters of a result that a model reads; more would crowd out the conversation."""

FAILED = "That didn't work."


def tool_output(answer: ToolAnswer) -> str:
    """What the model reads of an answer.

    Raises:
        ToolError: the answer is a failure.
    """
    text = compact(answer.data)
    if len(text) > LONGEST_OUTPUT:
        text = compact({"truncated": True, "beginning": text[:LONGEST_OUTPUT]})
    if answer.is_error:
        raise ToolError(text)
    return text


def untrusted(answer: ToolAnswer) -> ToolAnswer:
    """An answer of a server that others run: information, from which no receipt, zone or speech of ours is taken."""
    if not answer.is_error:
        return ToolAnswer(data={"untrusted": answer.data})
    failure = ToolFailure(
        kind=ErrorKind.UNAVAILABLE, error="the tool says that it failed; its own words are untrusted", speech=FAILED
    )
    data = {**failure.model_dump(mode="json", exclude_none=True), "untrusted": answer.data}
    return ToolAnswer(data=data, is_error=True, failure=failure)


def tool_error(failure: ToolFailure, **more: object) -> ToolError:
    """A failure as LiveKit hands it to the model."""
    return ToolError(
        compact({**failure.model_dump(mode="json", exclude_none=True), **{k: v for k, v in more.items() if v}})
    )


def compact(data: Mapping[str, Any]) -> str:
    """JSON in as few tokens as possible, for a model: without operation ids, which it has no use for."""
    return json.dumps(_for_model(data), ensure_ascii=False, separators=(",", ":"))


def _for_model(value: object) -> object:
    if isinstance(value, Mapping):
        known = cast("Mapping[str, object]", value)
        return {key: _for_model(item) for key, item in known.items() if item is not None and key != "operation_id"}
    if isinstance(value, list):
        return [_for_model(item) for item in cast("list[object]", value)]
    return value
