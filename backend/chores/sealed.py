"""What DBOS stores, as JSON sealed with the vault's keys. Never pickle: whoever can write to a database must not run code."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import structlog
from dbos import Serializer

from backend.vault.vault import SealBroken, Vault

log = structlog.get_logger()

OWNER = "chores"
INSTANT, FAILURE = "$instant", "$failure"
NOTHING_TO_DO = {"args": [None, None], "kwargs": {}}


class ChoreFailed(Exception):
    """A chore raised. Its text is the kind of what was raised: what that said may hold what a caller did."""


class SealedJson(Serializer):
    """JSON under the vault's keys.

    Args:
        vault: seals and opens.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def name(self) -> str:
        """Stands beside each value: one that another serializer wrote is refused."""
        return "voxie_sealed_json"

    def serialize(self, data: Any) -> str:
        """Seal a value.

        Raises:
            TypeError: it is no JSON, no instant and no exception.
        """
        return self._vault.seal(OWNER, {"value": json.loads(json.dumps(data, default=_plain))})

    def deserialize(self, serialized_data: str) -> Any:
        """Open a value. What cannot be opened, since its key was dropped in a rotation, is a run with nothing to do.

        To raise here would end DBOS's scheduler; what is due is looked up by the next run anyway.
        """
        try:
            return _revive(self._vault.open(OWNER, serialized_data)["value"])
        except SealBroken:
            log.warning("a stored chore cannot be opened")
            return dict(NOTHING_TO_DO)


def _plain(value: object) -> dict[str, str]:
    if isinstance(value, datetime):
        return {INSTANT: value.isoformat()}
    if isinstance(value, BaseException):
        return {FAILURE: str(value) if isinstance(value, ChoreFailed) else type(value).__name__}
    raise TypeError(f"a {type(value).__name__} cannot be stored by a chore")


def _revive(value: Any) -> Any:
    if isinstance(value, list):
        return [_revive(item) for item in cast("list[Any]", value)]
    if not isinstance(value, Mapping):
        return value
    known = cast("Mapping[str, Any]", value)
    if set(known) == {INSTANT}:
        return datetime.fromisoformat(known[INSTANT])
    if set(known) == {FAILURE}:
        return ChoreFailed(known[FAILURE])
    return {key: _revive(item) for key, item in known.items()}
