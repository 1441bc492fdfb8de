"""Lists in pages. A page begins after the key that the one before ended with, so that it stays quick however long the list."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import sqlalchemy as sa
from fastapi import Query
from pydantic import BaseModel
from sqlalchemy.orm import QueryableAttribute

from backend.errors import ApiError

T = TypeVar("T")
LARGEST_PAGE = 200

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most")]
Cursor = Annotated[str | None, Query(max_length=512, description="``next_cursor`` of the page before")]


class Page(BaseModel, Generic[T]):
    """A page of a list."""

    items: list[T]
    next_cursor: str | None = None


def page_of(items: Sequence[T], key: Callable[[T], str], *, limit: int, cursor: str | None) -> Page[T]:
    """A page of a list that is at hand whole.

    Args:
        items: all of them.
        key: what orders them; each has another.
        limit: how many at most.
        cursor: of the page before.

    Raises:
        ApiError: 422, the cursor is not one of ours.
    """
    start = decode_cursor(cursor, 1)[0] if cursor else ""
    rest = sorted((item for item in items if key(item) > start), key=key)
    shown = rest[:limit]
    return Page(items=shown, next_cursor=encode_cursor([key(shown[-1])]) if len(rest) > limit else None)


def encode_cursor(key: Sequence[str]) -> str:
    """A cursor that stands after this key."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """The key that a cursor stands after.

    Raises:
        ApiError: 422, it is not one of ours.
    """
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(_is_clean(part) for part in key):
        raise _not_ours()
    return key


def _is_clean(part: object) -> bool:
    return isinstance(part, str) and part.isprintable() and part.isascii()


def instant_of(text: str) -> datetime:
    """An instant that a cursor carries.

    Raises:
        ApiError: 422, it is none.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _not_ours()
    return moment


def _not_ours() -> ApiError:
    return ApiError(422, "invalid_request", "this is not a cursor of this list; begin without one", field="cursor")


def after(
    *columns: QueryableAttribute[Any], values: Sequence[object], descending: bool = False
) -> sa.ColumnElement[bool]:
    """Rows that come after a key, in the order of these columns.

    Args:
        columns: of the order; the last makes it unique.
        values: of the key.
        descending: whether the order is the largest first.
    """
    keys = (sa.bindparam(None, value, type_=column.type) for column, value in zip(columns, values, strict=True))
    left, right = sa.tuple_(*columns), sa.tuple_(*keys)
    return left < right if descending else left > right
