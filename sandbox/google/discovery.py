"""Google's own description of Calendar v3: which methods, parameters, scopes and shapes there are.

The document is the one that ships in google-api-python-client, read as data; nothing of that library runs here.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, cast

from sandbox.google.errors import GoogleError, invalid

_LISTED_VALUE = re.compile(r'^- "([A-Za-z0-9_]+)" - ', re.MULTILINE)
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_PYTHON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@functools.cache
def document() -> dict[str, Any]:
    """The document."""
    path = files("googleapiclient.discovery_cache") / "documents" / "calendar.v3.json"
    return json.loads(path.read_text(encoding="utf-8"))


def served_document(base_url: str) -> dict[str, Any]:
    """The document with every address moved to the sandbox."""
    root = f"{base_url}/"
    return {**document(), "rootUrl": root, "baseUrl": f"{root}calendar/v3/", "basePath": "/calendar/v3/"}


@functools.cache
def method(name: str) -> dict[str, Any]:
    """One method, such as ``events.list``."""
    resource, action = name.split(".")
    return document()["resources"][resource]["methods"][action]


def schema(name: str) -> dict[str, Any]:
    """One shape, such as ``Event``."""
    return document()["schemas"][name]


def check_query(name: str, query: Iterable[tuple[str, str]]) -> None:
    """Check a request's query against its method.

    Args:
        name: the method.
        query: names and values; names that the document does not have are passed over, as Google does.

    Raises:
        GoogleError: 400.
    """
    parameters = method(name).get("parameters", {})
    for key, value in query:
        if key in parameters:
            _check_parameter(key, value, parameters[key])


def _check_parameter(name: str, value: str, definition: Mapping[str, Any]) -> None:
    if "enum" in definition and not definition.get("repeated") and value not in definition["enum"]:
        allowed = ", ".join(definition["enum"])
        raise _invalid_parameter(f"Invalid string value: '{value}'. Allowed values: [{allowed}]", name)
    if definition["type"] == "boolean" and value not in {"true", "false"}:
        raise _invalid_parameter(f"Invalid boolean value: '{value}'.", name)
    if definition["type"] == "integer":
        least, most = int(definition.get("minimum", 0)), int(definition.get("maximum", 2**31 - 1))
        if not _WHOLE.fullmatch(value) or not least <= int(value):
            raise _invalid_parameter(
                f"Invalid value '{value}'. Values must be within the range: [{least}, {most}]", name
            )


def _invalid_parameter(message: str, name: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", message, location=name)


def check_body(body: Mapping[str, Any], name: str) -> None:
    """Check the known fields of a request's body; Google passes over the others.

    Args:
        body: the JSON.
        name: its shape.

    Raises:
        GoogleError: 400.
    """
    _check_object(body, schema(name).get("properties", {}), "")


def _check_object(value: Mapping[str, Any], properties: Mapping[str, Any], path: str) -> None:
    for key, below in properties.items():
        if value.get(key) is not None:
            _check_value(value[key], below, f"{path}.{key}" if path else key)


def _check_value(value: Any, definition: Mapping[str, Any], path: str) -> None:
    if "$ref" in definition:
        definition = {"type": "object", **schema(definition["$ref"])}
    kind = str(definition.get("type", "any"))
    wanted = _PYTHON_TYPES.get(kind, object)
    if not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool)):
        raise GoogleError(400, "parseError", "Parse Error")
    if isinstance(value, list):
        for item in cast("list[Any]", value):
            _check_value(item, definition["items"], path)
    elif isinstance(value, dict):
        mapping = cast("dict[str, Any]", value)
        _check_object(mapping, definition.get("properties", {}), path)
        for item in mapping.values() if "additionalProperties" in definition else ():
            _check_value(item, definition["additionalProperties"], path)
    allowed = listed_values(definition)
    if allowed and value not in allowed:
        raise invalid(f"Invalid value for: {value} is not a valid value", path)


def listed_values(definition: Mapping[str, Any]) -> frozenset[str]:
    """The values that a field's description lists, which is where this document keeps its enums; none for free text."""
    text = str(definition.get("description", ""))
    if "enum" in definition:
        return frozenset(definition["enum"])
    if definition.get("type") != "string" or "ossible values are:" not in text:
        return frozenset()
    return frozenset(_LISTED_VALUE.findall(text))
