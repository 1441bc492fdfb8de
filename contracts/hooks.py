"""A business's named hooks as a model is told of them: what each is called and takes, never where it is."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from contracts.base import Contract


class DescribedHook(Contract):
    """One named hook, without its URL."""

    name: str
    title: str = ""
    payload_schema: Annotated[dict[str, Any] | None, Field(description="JSON Schema of its payload")] = None
    key_fields: tuple[str, ...] = ()


def describe_hooks(hooks: Sequence[DescribedHook], *, most: int) -> str:
    """The hooks with their payloads' schemas, or with the names of the fields when that is too long.

    Args:
        hooks: in the order in which they are told.
        most: characters.
    """
    full = " ".join(_described(hook, fields_only=False) for hook in hooks)
    if len(full) <= most:
        return full
    return " ".join(_described(hook, fields_only=True) for hook in hooks)[:most]


def _described(hook: DescribedHook, *, fields_only: bool) -> str:
    schema = hook.payload_schema
    if schema is None:
        payload = f"fields {', '.join(hook.key_fields)} and any" if hook.key_fields else "any fields"
    elif fields_only:
        payload = f"fields {', '.join(schema.get('properties', {}))}"
    else:
        payload = json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
    title = f" ({hook.title})" if hook.title else ""
    return f"{hook.name}{title}: {payload}."
