"""How the brain says what it was told, and tells apart what it was offered."""

from collections.abc import Mapping, Sequence
from typing import Any, cast


def spoken_phone(number: str) -> str:
    """A number in groups that can be followed by ear; as it was said, if it was said in groups."""
    if " " in number or len(number) <= 4:
        return number
    plus, digits = ("+", number[1:]) if number.startswith("+") else ("", number)
    head, tail = digits[:-4], digits[-4:]
    first = len(head) % 3
    groups = ([head[:first]] if first else []) + [head[i : i + 3] for i in range(first, len(head), 3)]
    return plus + " ".join([*groups, tail])


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list in a tool's result; none when it is no list."""
    return list(cast("Sequence[Mapping[str, Any]]", value)) if isinstance(value, list) else []


def telling_words(event: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> set[str]:
    """The words by which an event differs from the others."""
    mine = set(f"{event['summary']} {event['spoken']}".lower().replace(",", " ").split())
    others: set[str] = set()
    for other in events:
        if other is not event:
            others |= set(f"{other['summary']} {other['spoken']}".lower().replace(",", " ").split())
    return mine - others
