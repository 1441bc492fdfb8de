"""How the brain says what it was told, and tells apart what it was offered."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

OFFLINE_NOTICE = "I'm the offline demo brain: I follow simple rules and understand English only."

HELP = "I can check a time, make a booking, tell you your bookings, or cancel one. What would you like?"
NO_BOOKING = "I'm sorry, I can't book right now, so nothing has been booked. Please try again a little later."
MORE = "Is there anything else I can do for you?"
NO_MOVE = "I'm sorry, I can't move a booking. I can cancel it, and book it again for another time. Shall I look it up?"
OTHER_TIME = "All right. Which other day or time would suit you?"
WHICH_NUMBER = "Do you mean how many people, or the time?"
UNCLEAR = "Sorry, I didn't get that."
AUTOMATED = "I'm an automated assistant, not a person."
ENGLISH_ONLY = "I'm sorry, I understand English only."
TELL_CODE = "If you have a booking code, please tell me."
SPELL_IT = "Please spell it for me."
WHICH_OFFER = "Which one would you like?"
TOO_SHORT = "That's too short for a phone number."
NEEDED = "I'm sorry, I can't make the booking without that."
PATIENT = "Of course, take your time."
EXAMPLES = {
    "party_size": "For example: four people.",
    "when": "For example: tomorrow at 7 pm.",
    "person_name": "For example: Maria Garcia.",
    "phone": "For example: 555 0100.",
    "booking_code": "It has six letters and digits.",
}
_SENTENCES = re.compile(r"(?<=[.?!])\s+")


def question_of(text: str, *, sentences: int = 1) -> str:
    """The end of what was said, which asks something: what went before it need not be heard twice.

    Args:
        text: what was said.
        sentences: how many of its last sentences the question takes.
    """
    return " ".join(_SENTENCES.split(text)[-sentences:])


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
