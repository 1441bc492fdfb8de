"""Partial responses: ``fields=items(id,start/dateTime),nextPageToken``."""

from typing import Any, cast

from sandbox.google.errors import GoogleError

Mask = dict[str, Any]
"""Name → mask of what is below it; an empty mask keeps all of it."""


def parse_mask(text: str) -> Mask:
    """Read a mask.

    Raises:
        GoogleError: 400 when it is malformed.
    """
    mask, rest = _parse(text)
    if rest:
        raise _malformed(text)
    return mask


def apply_mask(value: Any, mask: Mask) -> Any:
    """What a mask keeps of a value."""
    if not mask or "*" in mask:
        return value
    if isinstance(value, list):
        return [apply_mask(item, mask) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        return {key: apply_mask(mapping[key], below) for key, below in mask.items() if key in mapping}
    return value


def _parse(text: str) -> tuple[Mask, str]:
    mask: Mask = {}
    while text and text[0] != ")":
        name_length = next((i for i, c in enumerate(text) if c in ",/()"), len(text))
        name, text = text[:name_length], text[name_length:]
        if not name.strip():
            raise _malformed(text)
        below, text = _below(text)
        mask[name.strip()] = {**mask.get(name.strip(), {}), **below}
        text = text.removeprefix(",")
    return mask, text


def _below(text: str) -> tuple[Mask, str]:
    if text.startswith("("):
        below, rest = _parse(text[1:])
        if not rest.startswith(")"):
            raise _malformed(text)
        return below, rest[1:]
    if text.startswith("/"):
        length = next((i for i, c in enumerate(text[1:], 1) if c in ",/()"), len(text))
        deeper, rest = _below(text[length:])
        return {text[1:length]: deeper}, rest
    return {}, text


def _malformed(text: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", f"Invalid field selection {text}", location="fields")
