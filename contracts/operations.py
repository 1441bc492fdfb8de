"""How two calls are known to be the same operation."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(value: object) -> str:
    """One text per value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def operation_key(*, workspace: str, tool: str, caller: str, key_arguments: Mapping[str, Any]) -> str:
    """The key of an operation: the same for every repetition of it, and nothing that a model can choose.

    The server turns it into an operation id with a secret of its own, so that ids cannot be guessed from it.

    Args:
        workspace: whose agent is acting.
        tool: the tool's name on its server.
        caller: the verified caller, or the call's id when nobody is verified.
        key_arguments: the arguments that the tool names as its key, resolved (instants, not words).
    """
    text = canonical_json([workspace, tool, caller, dict(key_arguments)])
    return hashlib.sha256(text.encode()).hexdigest()
