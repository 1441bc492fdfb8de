"""JSON schemas as a model should see them: small, flat, closed."""

from copy import deepcopy
from functools import cache
from typing import Any, Literal, cast

from pydantic import BaseModel


def compact_schema(
    model: type[BaseModel], mode: Literal["validation", "serialization"] = "validation"
) -> dict[str, Any]:
    """The model's JSON schema without generated titles, with references written out and ``null`` alternatives folded.

    Optional arguments simply are not required, so ``anyOf: [X, null]`` tells a model nothing that costs its bytes.
    """
    return deepcopy(_made(model, mode))


@cache
def _made(model: type[BaseModel], mode: Literal["validation", "serialization"]) -> dict[str, Any]:
    """Made once per model: it is what a start takes longest for, and one process may start several servers."""
    schema = model.model_json_schema(by_alias=True, mode=mode)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    # Docstrings of the models are for the reader of the code; fields have descriptions of their own.
    for described in (schema, *definitions.values()):
        described.pop("description", None)
    return cast("dict[str, Any]", _compact(schema, definitions, keep_null=mode == "serialization"))


def _compact(node: object, definitions: dict[str, Any], *, keep_null: bool) -> object:
    if isinstance(node, list):
        return [_compact(item, definitions, keep_null=keep_null) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    mapping = cast("dict[str, Any]", node)
    if "$ref" in mapping:
        target = definitions[str(mapping["$ref"]).rsplit("/", 1)[-1]]
        merged = {**target, **{key: value for key, value in mapping.items() if key != "$ref"}}
        return _compact(merged, definitions, keep_null=keep_null)
    if not keep_null:
        mapping = _fold_null(mapping)
    return {
        key: _properties(value, definitions, keep_null=keep_null)
        if key == "properties"
        else _compact(value, definitions, keep_null=keep_null)
        for key, value in mapping.items()
        if key != "title" and not (key == "default" and value is None)
    }


def _properties(value: dict[str, Any], definitions: dict[str, Any], *, keep_null: bool) -> dict[str, object]:
    return {name: _compact(schema, definitions, keep_null=keep_null) for name, schema in value.items()}


def _fold_null(mapping: dict[str, Any]) -> dict[str, Any]:
    alternatives = [item for item in mapping.get("anyOf", ()) if item != {"type": "null"}]
    if "anyOf" not in mapping or len(alternatives) != 1:
        return mapping
    return {**{key: value for key, value in mapping.items() if key != "anyOf"}, **alternatives[0]}
