"""What one caller turn says, as far as rules can tell."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from voxie_agents.offline.tool_view import ToolView
from voxie_agents.slots import PARTICLES, digits_alone, party_size, person_name, phone
from voxie_agents.when_days import numeric_dates, own_days
from voxie_agents.when_doubts import corrected, is_only_number, names_an_unknown_time, unfit, without_day_parts
from voxie_agents.when_engine import engine
from voxie_agents.when_words import normalised, without_party

# Only where the words stand matters here, not what they mean, so any day will do.
_ANY_DAY = datetime(2026, 1, 7, 12)  # noqa: DTZ001

LONGEST_TURN = 600
"""Characters that are listened to: a minute of speech. More would be parsed for seconds, and nobody says more."""
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MENTIONS_PHONE = re.compile(r"\b(?:phone|number|call me|reach me|mobile|cell)\b")
_BOOKS = re.compile(r"\b(?:book|booking|reserve|reservation|table|appointment|a seat)\b")
_INTENTS = (
    ("who", re.compile(r"\b(?:are you (?:a |an )?(?:robot|bot|machine|computer|ai|real|human|person|recording)|who are you|what are you|who am i (?:speaking|talking)|is this a (?:robot|bot|machine|recording))\b")),
    ("human", re.compile(r"\b(?:human|real person|operator|manager|speak to (?:someone|somebody|a person)|talk to (?:someone|somebody|a person))\b")),
    ("rebook", re.compile(r"\b(?:book|make|reserve|take|have|want) (?:it|that|the same|the table|that table|the booking|one)?(?: table| booking| time)? ?(?:once more|again)\b|\b(?:rebook|re-book|put it back|the same again|same again|book again)\b")),
    ("cancel", re.compile(r"\b(?:cancel|call off|delete my|drop my booking|get rid of)\b")),
    ("move", re.compile(r"\b(?:(?:move|shift|change) (?:it|that|this|the|my|our)\b(?! (?:name|number|phone))|reschedule|postpone|bring (?:it|that|my booking) forward)\b")),
    ("list", re.compile(r"\b(?:my (?:bookings?|reservations?)|what (?:have|did|has) (?:i|you|we|been) book(?:ed)?|what(?:'s| is| was) booked|do i have (?:a |any )?(?:booking|reservation|table)|(?:bookings?|reservations?) (?:do i have|have i)|look up my|am i booked)\b")),
    ("wait", re.compile(r"^(?:(?:um|uh|oh|no|ok|okay|sorry|please|just)[, ]+)*(?:wait|hold on|hang on|hold the line|bear with me|let me (?:check|see|think|look|ask)|one (?:moment|second|sec|minute)|(?:just )?a (?:moment|second|sec|minute)|give me a (?:moment|second|sec|minute))(?:[, ]+(?:a|one|for|just|please|i|need|to|have|check|my|the|diary|calendar|wife|husband|partner|let|me|see|think|ask|look|moment|second|sec|minute|about|it|that))*[. !]*$")),
    ("drop", re.compile(r"\b(?:i'll (?:have to )?think about it|(?:i'll|let me) (?:call|ring|phone) (?:you )?(?:back|again|later)|maybe later|forget (?:it|about it|that|the whole thing)|never ?mind|changed my mind|leave it|i don't want (?:it|that|a table|to book)|don't book)\b")),
    ("hours", re.compile(r"\b(?:are you open|opening hours?|when do you (?:open|close)|what time do you (?:open|close)|your hours|closing time)\b")),
    ("repeat", re.compile(r"^(?:(?:um|uh|oh),? )?(?:sorry|what|huh|excuse me|what was that)\?*$|\b(?:pardon|say (?:that |it )?again|repeat|what did you say|come again|read (?:it|that) (?:back|again)|(?:what|which|when|how many)\b.*(?:\bagain|\bdid you say|\bdo you have down))\b")),
    ("again", re.compile(r"\b(?:try (?:it )?again|once more|retry)\b")),
    ("bye", re.compile(r"(?:^|[\s,.!])(?:good ?bye|bye(?: bye)?|see you|have a nice day|that's all|that is all|nothing else)[,. !]*(?:thanks|thank you|bye)?[. !]*$")),
    ("nothing", re.compile(r"^(?:(?:no|nope|thanks|thank you|ok|okay|great)[,. !]*)*(?:that's (?:it|everything)|that is (?:it|everything)|nothing(?: more)?|i'm (?:good|fine))[,. !]*(?:thanks|thank you|for now)?[. !]*$")),
    ("book", _BOOKS),
    ("fact", re.compile(r"^(?:(?:and|so|um|uh|sorry|excuse me|hi|hello)[, ]+)*(?:where\b|what(?:'s| is| are)\b|how\b|do you\b|is there\b|are there\b|have you\b|who\b|why\b)|\b(?:address|directions|parking)\b")),
    ("thanks", re.compile(r"^(?:(?:ok|okay|great|perfect|lovely)[,. !]*)*(?:thanks|thank you|cheers)\b[^?]*$")),
    ("hello", re.compile(r"^(?:hi|hello|hey|good (?:morning|afternoon|evening))\b[^?]*$")),
)  # fmt: skip


def plain(words: str) -> str:
    """A turn as it is listened to: without characters that nobody says, and no longer than anybody speaks."""
    text = _ESCAPE.sub(" ", words)
    text = "".join(" " if unicodedata.category(character) in {"Cc", "Cf", "Cs"} else character for character in text)
    return text[:LONGEST_TURN]


def mentions_booking(words: str) -> bool:
    """Whether a turn is about a table, whatever else it asks."""
    return bool(_BOOKS.search(words.lower()))


def intent(words: str) -> str | None:
    """What the caller wants, if a turn says so in words that are known."""
    text = words.lower().replace("’", "'").strip()
    return next((name for name, pattern in _INTENTS if pattern.search(text)), None)


def heard(words: str, tool: ToolView, asked: str | None) -> dict[str, object]:
    """The arguments of a tool that a turn gives.

    Args:
        words: the turn.
        tool: whose arguments.
        asked: the argument that the question before it asked for.
    """
    found: dict[str, object] = {}
    text = words
    if asked is not None and tool.kind(asked) == "phone" and digits_alone(text) and phone(text) is None:
        # Too short for a phone number, and no time of day either.
        return found
    for kind in ("phone", "party_size", "when", "person_name"):
        argument = tool.argument_of(kind)
        if argument is None:
            continue
        value = _hear(kind, text, expected=asked == argument, found=found)
        if value is not None:
            found[argument] = value
        if kind == "phone" and value is not None:
            text = re.sub(r"\+?\(?\d[\d\s().-]*\d", " ", text)
    name = tool.argument_of("person_name")
    if found and name is not None and name not in found and (listed := _listed_name(words)) is not None:
        found[name] = listed
    wish, wished = tool.argument_of("wish"), wishes(words)
    if wish is not None and wished is not None:
        found[wish] = wished
    if asked is not None and tool.kind(asked) == "text" and words.strip():
        found[asked] = words.strip()
    return found


def _listed_name(words: str) -> str | None:
    """A name among things that are told one after the other: ``a table for two at seven, Kim Lee, 555 0100``."""
    for part in words.split(",")[1:]:
        written = [word for word in part.split() if word.casefold() not in PARTICLES]
        if written and all(word[0].isupper() for word in written) and time_words(part, expected=False) is None:
            return person_name(part, expected=True)
    return None


def _listed_phone(words: str) -> str | None:
    """A number among things that are told one after the other; a date in digits is none."""
    parts = (part for part in words.split(",") if digits_alone(part) and time_words(part, expected=False) is None)
    return next((number for part in parts if (number := phone(part)) is not None), None)


def _hear(kind: str, text: str, *, expected: bool, found: Mapping[str, object]) -> object | None:
    if kind == "phone":
        certain = expected or _MENTIONS_PHONE.search(text.lower()) or not time_words(text, expected=False)
        return phone(text) if certain else _listed_phone(text)
    if kind == "party_size":
        return party_size(text, expected=expected)
    if kind == "when":
        return time_words(text, expected=expected and not found)
    return person_name(text, expected=expected and not found)


_HOURS_ASIDE = re.compile(
    r"\b(?:are you(?: guys)? open|when do you (?:open|close)|what time do you (?:open|close))\b[^,.;!?]*?(?:[,.;!?]|\band\b|\bor\b|$)",
    re.IGNORECASE,
)
"""A question that stands beside the wish: its days are not when somebody wants to come."""


# The brain, which remembers nothing, hears the whole call again at each turn.
@lru_cache(maxsize=256)
def time_words(words: str, *, expected: bool) -> str | None:
    """The part of a turn that is about time, in the caller's words; all of the turn when something in it casts doubt on that part.

    Args:
        words: the turn.
        expected: a time was just asked for, so that a bare number is one.
    """
    words = _HOURS_ASIDE.sub(" ", words) if mentions_booking(words) else words
    text = without_party(normalised(words))
    found = engine().find(text, _ANY_DAY, bare_numbers=False)
    if not found and expected:
        found = engine().find(text, _ANY_DAY, bare_numbers=True)
    day: date = _ANY_DAY.date()
    phrased = own_days(text, day)[0] or numeric_dates(text, day)[0]
    if not found and not phrased:
        return None
    cut = text[found[0].start : found[-1].end] if found else text
    # A phrase such as "a week on Saturday" begins before what the engine sees of it.
    kept_whole = not phrased or (own_days(cut, day)[0] or numeric_dates(cut, day)[0]) == phrased
    return cut if kept_whole and _says_as_much(cut, text) else words.strip()


def _says_as_much(cut: str, text: str) -> bool:
    same_parts = without_day_parts(cut)[1].names == without_day_parts(text)[1].names
    unread = names_an_unknown_time(text.replace(cut, " ", 1))
    return same_parts and not unread and unfit(text) is None and len(corrected(text)) == 1


_OTHER_LANGUAGES = {
    "hola", "una", "para", "por", "favor", "quisiera", "quiero", "mesa", "gracias", "mañana", "hablo", "personas",
    "ich", "möchte", "einen", "eine", "für", "danke", "bitte", "und", "nicht", "tisch", "uhr", "bonjour", "je",
    "voudrais", "une", "pour", "merci", "vous", "plaît", "est", "vorrei", "per", "buongiorno", "grazie", "tavolo",
    "não", "obrigado", "quero", "você",
}  # fmt: skip
_FEW_FOREIGN_WORDS = 2


def is_foreign(words: str) -> bool:
    """Whether a turn seems to be in another language than English."""
    return len(_OTHER_LANGUAGES & set(re.findall(r"\w+", words.lower()))) >= _FEW_FOREIGN_WORDS


_ORDINALS = (
    ("first", 0),
    ("second", 1),
    ("third", 2),
    ("last", -1),
    ("earlier", 0),
    ("earliest", 0),
    ("latest", -1),
    ("later", -1),
)


def picked(words: str, count: int) -> int | None:
    """Which of several offers a turn picks by its place; None when it does not."""
    text = words.lower()
    for word, index in _ORDINALS:
        if re.search(rf"\b{word}\b", text) and -count <= index < count:
            return index % count
    if count == 1 and re.search(r"\b(?:that one|that|it)\b", text):
        return 0
    return None


DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGIT_WORD = re.compile(rf"\b(?:{'|'.join(DIGITS)})\b", re.IGNORECASE)
_BESIDE_A_CODE = re.compile(
    r"\b(?:it's|it is|the|code|is|my|booking|yes|um|uh|oh|ok|okay|sure|please|thanks|thank you|that's|i have it|i think)\b",
    re.IGNORECASE,
)


def code(words: str) -> str | None:
    """A booking code, also spelled letter by letter."""
    digits = _DIGIT_WORD.sub(lambda word: str(DIGITS.index(word[0].lower())), words.replace("’", "'"))
    letters = _BESIDE_A_CODE.sub(" ", digits)
    joined = re.sub(r"[^A-Za-z0-9]", "", letters).upper()
    return joined if 4 <= len(joined) <= 10 else None


_NAMED_CODE = re.compile(r"\bcode\b(?: number)?(?: is|'s|:|,)* +(?P<code>\S.*)$", re.IGNORECASE)


def named_code(words: str) -> str | None:
    """A booking code that a turn calls one: ``my code is A B C 2 3 4``."""
    named = _NAMED_CODE.search(words.replace("’", "'"))
    return code(named["code"]) if named else None


_ABOUT = {
    "address": re.compile(r"\b(?:address|where|located|location|directions|find you|get there)\b"),
    "parking": re.compile(r"\bpark(?:ing)?\b"),
}


def about(words: str, topic: str) -> bool:
    """Whether a question is about a fact of the business."""
    text, topic = words.lower(), topic.lower()
    known = _ABOUT.get(topic)
    return bool(known.search(text)) if known else bool(re.search(rf"\b{re.escape(topic)}", text))


_REFUSES = re.compile(
    r"\b(?:(?:don't|do not|haven't|have no|got no|without a|no) (?:have |got |a |any )*(?:phone|number|mobile|name)|none of your business|rather not"
    r"|(?:won't|not going to|don't want to|don't need to|not) (?:tell|say|give|know|share)|why do you need|do you (?:really )?need)\b"
)


def refuses(words: str) -> bool:
    """Whether a caller does not want to tell what was asked, or asks what it is for."""
    return bool(_REFUSES.search(words.lower().replace("’", "'")))


_CHANGES = (
    ("when", re.compile(r"\b(?:time|day|date|hour)\b")),
    ("person_name", re.compile(r"\bname\b")),
    ("phone", re.compile(r"\b(?:phone|number|mobile)\b(?! of)")),
    ("party_size", re.compile(r"\b(?:people|persons|party|guests|how many|number of)\b")),
)


def changed_argument(words: str, tool: ToolView) -> str | None:
    """Which argument a caller says is wrong, without saying what is right: ``no, the time``."""
    text = words.lower()
    kinds = [kind for kind, pattern in _CHANGES if pattern.search(text)]
    asks = re.match(r"(?:what|when|which)\b.*\?\W*$", text) is not None
    nothing_new = not asks and not heard(words, tool, None)
    return tool.argument_of(kinds[0]) if len(kinds) == 1 and nothing_new else None


_MOST_OF_ANYTHING = 100


def number_alone(words: str) -> str | None:
    """The number that a turn corrects something to without saying of what: ``no, five``."""
    parts = corrected(normalised(words))
    if not parts or not is_only_number(parts[-1]):
        return None
    count = party_size(parts[-1], expected=True)
    return parts[-1] if count is not None and count < _MOST_OF_ANYTHING else None


@dataclass(frozen=True)
class Swap:
    """``Eight, not seven``.

    Args:
        new: what holds, as it was said.
        old: the number that does not.
    """

    new: str
    old: int


_SWAPS = (
    re.compile(r"(?:^|[ ,])(?P<new>\S+(?: ?[ap]m| o'clock)?),? (?:and )?not (?:at |for )?(?P<old>\S+?)(?: ?[ap]m| o'clock)?[.!]?$"),
    re.compile(r"\bnot (?:at |for )?(?P<old>\S+?)(?: ?[ap]m| o'clock)?,? (?:but |it's )?(?:at |for )?(?P<new>\S+(?: ?[ap]m| o'clock)?)[.!]?$"),
)  # fmt: skip


def replaced(words: str) -> Swap | None:
    """Which number stands in which one's place, when a turn says just that."""
    text = normalised(words)
    for pattern in _SWAPS:
        found = pattern.search(text)
        if found is None:
            continue
        new, old = found["new"].strip(" ,"), party_size(found["old"].strip(" ,"), expected=True)
        bare = re.sub(r" ?(?:[ap]m|o'clock)$", "", new)
        if old is not None and party_size(bare, expected=True) is not None:
            return Swap(new, old)
    return None


_CORRECTS = re.compile(
    r"^(?:(?:oh|um|uh|no|sorry|actually|wait|i mean|i meant|it's|that's)[,. ]+)+(?P<rest>.+)$", re.IGNORECASE
)


def corrected_name(words: str) -> str | None:
    """Another name in place of the one that was given, where something else was asked: ``sorry, Ana Diaz``."""
    found = _CORRECTS.match(words.strip())
    if found is None or not all(word[0].isupper() for word in found["rest"].split()):
        return None
    return person_name(found["rest"], expected=True)


_WISHES = re.compile(
    r"\b(?:(?:an? |\w+ )?high ?chairs?|(?:my |her |his |our |a )?(?:[\w'-]+ )?(?:birthday|anniversary)|(?:[\w-]+ )?allerg(?:y|ies)(?: to [a-z]+)?"
    r"|allergic to [a-z]+(?: and (?!(?:i|we|he|she|they|my|it|the|one|a)\b)[a-z]+)?|gluten[- ]free|vegetarians?|vegans?|kosher|halal|wheelchairs?|by the window|(?:a )?window (?:table|seat)"
    r"|outside|on the terrace|(?:a )?quiet (?:table|corner|place)|pushchair|pram|stroller)\b",
    re.IGNORECASE,
)


def wishes(words: str) -> str | None:
    """What the kitchen or the waiter should know. A question about it is no wish."""
    if "?" in words or intent(words) == "fact":
        return None
    found = [match[0].strip().lower() for match in _WISHES.finditer(words)]
    return ", ".join(dict.fromkeys(found)) or None
