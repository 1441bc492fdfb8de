"""What a server's tool list becomes before a model sees it: safe names, plain descriptions, and nothing that breaks a session.

The texts of a tool list are written by whoever runs the server. They reach the model's instructions, so they are cut and
cleaned; what cannot be cleaned is not offered.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

import structlog
from jsonschema import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from mcp.types import Tool
from referencing import Registry
from referencing.exceptions import Unresolvable

from contracts.grants import NOT_GRANTED, Granted
from contracts.hooks import DescribedHook, describe_hooks
from contracts.meta import GRANT_ARGUMENT, NEEDS, ROLES, Role

log = structlog.get_logger()

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-/]{0,127}")
"""As ``contracts.events`` takes it: a call that cannot be told would end in an exception after the write."""
UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1024
MOST_OF_HOOKS = 2_000
"""Characters about a business's hooks; beyond them only the names of their fields are shown."""
LARGEST_SCHEMA = 20_000
LARGEST_TOOL = 64_000
DEEPEST = 40
FRAMEWORK_PREFIX = "lk_agents_"
"""LiveKit's own tools."""
WHEN = {
    "type": "string",
    "description": "The caller's own words for day and time, such as 'tomorrow at 7 pm'. Never a date that you worked out.",
}


class ToolNames:
    """Gives each tool a name that is its own for the whole call.

    Args:
        reserved: names that no server's tool may have.
    """

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = set(reserved)
        self._given: dict[tuple[str, str], str] = {}

    def reserve(self, names: frozenset[str]) -> None:
        """Keep names for tools of our own; to be called before any server is listed."""
        self._reserved |= names

    def name(self, server: str, tool: str, *, qualified: bool) -> str:
        """The tool's own name where it is safe and free, else one with the server's before it.

        Args:
            server: its name in the registry.
            tool: its name there.
            qualified: always put the server's name before it, so that it cannot pass for another server's.
        """
        known = self._given.get((server, tool))
        if known is not None:
            return known
        plain, full = _safe(tool), qualified_name(server, tool)
        candidates = [full] if qualified else [plain, full]
        taken = {*self._reserved, *self._given.values()}
        free = next((name for name in candidates if self._usable(name, taken)), None)
        name = free or _numbered(full, taken)
        self._given[(server, tool)] = name
        return name

    @staticmethod
    def _usable(name: str, taken: set[str]) -> bool:
        return name not in taken and not name.startswith(FRAMEWORK_PREFIX)


def qualified_name(server: str, tool: str) -> str:
    """What a foreign server's tool is called by models, and in the list of tools that an agent may use."""
    return _safe(f"{server}__{tool}")


def _safe(name: str) -> str:
    return UNSAFE.sub("_", name)[:LONGEST_NAME]


def _numbered(name: str, taken: set[str]) -> str:
    numbers = (f"{name[: LONGEST_NAME - 4]}_{number}" for number in range(2, 1000))
    return next(candidate for candidate in numbers if candidate not in taken)


def offerable(server: str, tools: Sequence[Tool]) -> list[Tool]:
    """The tools that a model may be shown; each name once."""
    kept: dict[str, Tool] = {}
    for tool in tools:
        problem = "named twice" if tool.name in kept else _problem(tool)
        if problem is None:
            kept[tool.name] = tool
        else:
            log.warning("tool not offered", server=server, problem=problem)
    return list(kept.values())


def _problem(tool: Tool) -> str | None:
    if not PLAIN_NAME.fullmatch(tool.name):
        return "odd name"
    problem = _broken(tool)
    if problem is not None:
        return problem
    if tool.input_schema.get("type") != "object" or not isinstance(tool.input_schema.get("properties", {}), dict):
        return "schema is not an object's"
    return None


def _broken(tool: Tool) -> str | None:
    """What would stop it from being stored, sent or shown."""
    try:
        whole = tool.model_dump(mode="json", by_alias=True)
        # Neither numbers that are none, nor halves of characters: no JSON of others takes them.
        size = len(json.dumps(tool.input_schema, allow_nan=False))
        everything = len(json.dumps(whole, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        return "broken schema"
    if size > LARGEST_SCHEMA or everything > LARGEST_TOOL or _is_deep(whole, DEEPEST):
        return "schema too large"
    return None


def _is_deep(node: object, left: int) -> bool:
    if not isinstance(node, dict | list):
        return False
    if left == 0:
        return True
    inner = cast("dict[str, object]", node).values() if isinstance(node, dict) else cast("list[object]", node)
    return any(_is_deep(item, left - 1) for item in inner)


def plain_text(text: str) -> str:
    """A description without control and invisible characters, and of bearable length."""
    kept = "".join(c for c in text if c == "\n" or unicodedata.category(c) not in {"Cc", "Cf", "Co", "Cn", "Cs"})
    return kept[:LONGEST_DESCRIPTION].strip()


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an input schema whose descriptions are plain."""
    return cast("dict[str, Any]", _plain(dict(schema), in_properties=False))


def _plain(node: object, *, in_properties: bool) -> object:
    if isinstance(node, list):
        return [_plain(item, in_properties=False) for item in cast("list[object]", node)]
    if not isinstance(node, dict):
        return node
    mapping = cast("dict[str, object]", node)
    return {
        key: plain_text(value)
        # A property may well be called "description" or "title" itself.
        if not in_properties and key in {"description", "title"} and isinstance(value, str)
        else _plain(value, in_properties=not in_properties and key == "properties")
        for key, value in mapping.items()
    }


def extent_for(role: Role, meta: Mapping[str, Any], extent: Granted) -> Granted:
    """How far a tool that an agent was granted is offered to a role; not at all where its server lacks the credential.

    Args:
        role: of the call.
        meta: the tool's own ``_meta``.
        extent: what the agent was granted.
    """
    if NEEDS in meta:
        return NOT_GRANTED
    if extent.whole and role.value in meta.get(ROLES, (role.value,)):
        return extent
    return Granted(whole=False, only=extent.only if GRANT_ARGUMENT in meta else frozenset())


def bind(parameters: dict[str, Any], argument: str, values: frozenset[str]) -> None:
    """Show no other values of an argument than those that were granted, and ask for it.

    Args:
        parameters: a schema of a tool's arguments, which is changed.
        argument: its grant argument.
        values: what was granted.
    """
    properties = cast("dict[str, dict[str, Any]]", parameters.get("properties", {}))
    shown = properties.get(argument, {})
    numbers = "integer" in str(shown.get("type", shown.get("anyOf", "")))
    choices = [int(value) if numbers and value.isdecimal() else value for value in sorted(values)]
    kept = {key: value for key, value in shown.items() if key == "description"}
    properties[argument] = {**kept, "type": "integer" if numbers else "string", "enum": choices}
    required = cast("list[str]", parameters.get("required", []))
    parameters["required"] = required if argument in required else [*required, argument]


def show_hooks(parameters: dict[str, Any], arguments: Mapping[str, str], hooks: Sequence[DescribedHook]) -> None:
    """Show which hooks a business has, and what each takes.

    Args:
        parameters: a schema of a tool's arguments, which is changed.
        arguments: which of them is the hook's name, and which the payload.
        hooks: of the business, as far as they are granted.
    """
    properties = cast("dict[str, dict[str, Any]]", parameters.get("properties", {}))
    if not {arguments["name"], arguments["payload"]} <= set(properties):
        return
    if hooks:
        properties[arguments["name"]] = {"type": "string", "enum": [hook.name for hook in hooks]}
    text = describe_hooks(hooks, most=MOST_OF_HOOKS) if hooks else "No hook is connected yet."
    properties[arguments["payload"]]["description"] = f"By {arguments['name']}. {text}"


@dataclass(frozen=True)
class OutputCheck:
    """Whether a tool's structured result fits the output schema that it published.

    Args:
        schema: as listed; None accepts everything.
    """

    schema: Mapping[str, Any] | None

    def fits(self, data: Mapping[str, Any]) -> bool:
        """Whether it does; a schema that is none, leads nowhere or only to itself checks nothing."""
        if self.schema is None:
            return True
        try:
            validator = _compiled(json.dumps(self.schema, sort_keys=True))
            return validator is None or validator.is_valid(data)
        except (Unresolvable, RecursionError, ValueError):
            return True


@lru_cache(maxsize=256)
def _compiled(schema: str) -> Validator | None:
    """Its validator, or None for what is no schema.

    At the first result, and once for all listings: judging a schema takes as long as several calls do, and a call that
    begins has all of its tools to learn.
    """
    parsed = json.loads(schema)
    kind = validator_for(parsed)
    try:
        kind.check_schema(parsed)
    except SchemaError:
        return None
    # An empty registry: references resolve within the schema, never over the network.
    return kind(parsed, registry=Registry())


def replace_instants(parameters: dict[str, Any], names: set[str]) -> None:
    """Offer the caller's words in place of instants."""
    properties = cast("dict[str, Any]", parameters.get("properties", {}))
    required = [item for item in cast("list[str]", parameters.get("required", [])) if item not in names]
    if len(required) != len(parameters.get("required", [])):
        required.insert(0, "when")
    parameters["required"] = required
    parameters["properties"] = {"when": WHEN, **{key: value for key, value in properties.items() if key not in names}}
