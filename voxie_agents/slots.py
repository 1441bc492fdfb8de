"""Finds in a caller's words what a booking needs, by rules: party size, name, phone. For the offline brain."""

import re

from voxie_agents.when_doubts import corrected

_UNITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_NUMBER_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    "a couple": 2, "couple": 2, "half a dozen": 6, "a dozen": 12, "a": 1, "an": 1, **_TENS,
}  # fmt: skip
_SPELLED = (
    rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_UNITS[1:10])}))?|{'|'.join(_UNITS[10:])}|{'|'.join(_UNITS[1:10])}"
)
_COUNT = rf"(?P<n>\d{{1,3}}|half a dozen|a dozen|a couple|couple|{_SPELLED})"
_EACH = _COUNT.replace("(?P<n>", "(?:")
_PEOPLE = r"(?:people|persons?|guests?|adults?|diners|covers|pax|of us)"
_YOUNG = r"(?:kids?|child|children|bab(?:y|ies)|toddlers?|infants?|teenagers?)"
_NO_CLOCK = r"(?! ?(?:am|pm|o'clock|:|\.\d))"
_PARTY = [
    re.compile(
        rf"\b(?:table|booking|reservation|seats?|party|group|dinner|lunch|spot|room|it)(?: is)? (?:for|of) {_COUNT}\b{_NO_CLOCK}"
    ),
    re.compile(rf"\b{_COUNT} {_PEOPLE}\b"),
    re.compile(
        rf"\b(?:there(?:'s| are| will be|'ll be| would be)|we(?:'re| are| will be|'ll be)|it(?:'s| is| will be)) (?:just |only )?{_COUNT}\b{_NO_CLOCK}"
    ),
    re.compile(rf"\bfor {_COUNT}\b{_NO_CLOCK}(?! ?(?:hours?|days?|nights?|minutes?|weeks?))"),
    re.compile(rf"^(?:just )?{_COUNT} on (?:the )?\w"),
]
_TOGETHER = re.compile(
    rf"\b(?P<first>{_EACH}) (?:{_PEOPLE}|{_YOUNG}),? (?:and|plus|with) (?P<more>an?|{_EACH}) {_YOUNG}\b"
)
_ANSWER_BEFORE = (
    r"just|only|um|uh|er|oh|ok|okay|all right|alright|well|then|yes|yeah|fine|maybe|make it|we're|we are|we'll be|it's|no|actually|say|with"
    r"|sorry|i think|i guess|it will be|there'll be|there are"
)
_PARTY_ANSWER = re.compile(
    rf"^(?:(?:{_ANSWER_BEFORE})[, ]+)*{_COUNT}(?:[, ]+(?:please|thanks|thank you|in total|altogether|i think|then|instead))*$"
)
_ALONE = re.compile(
    r"^(?:just |only )?(?:me|myself|for me|one person|on my own)$|\bjust me\b|\bonly me\b|\bby myself\b"
)
_DEAR = "my (?:wife|husband|partner|girlfriend|boyfriend|friend|mother|father|mum|mom|dad|son|daughter|boss)"
_TWO = re.compile(rf"\b(?:(?:me and|with) {_DEAR}|{_DEAR} and (?:me|i|myself))\b")
_TWO_ANSWER = re.compile(rf"^(?:(?:just|only|oh|um|uh|for|it's)[, ]+)*{_DEAR}$")

_DIGIT_WORDS = {word: str(number) for number, word in enumerate(_UNITS[:10])} | {"oh": "0", "o": "0"}
_PHONE = re.compile(r"\+?\(?\d(?:[\d\s().,-]*\d)?")
_SHORTEST_PHONE, _LONGEST_PHONE = 6, 15
_FEW_DIGITS = 3
"""Fewer are rather how many people come, or an hour."""

_NAME_INTRO = re.compile(
    r"\b(?:(?:my name is|my name's|name is|name's|the name is|i am called|i'm called|this is|it's under|it is under|under the name of|under the name|under"
    r"|put it under|in the name of|for the name|name to|i'm|i am)\s+|(?=(?:mrs?|ms|miss|dr)\s))(?P<name>.+)$",
    re.IGNORECASE,
)
_NO_STOP = re.compile(r"\b(mrs?|ms|dr|st|[a-z])\.(?=\s)", re.IGNORECASE)
"""The full stop of a title or an initial, which ends no name."""
_NAME_STOP = re.compile(
    r"(?:[,.;!?]|\b(?:and|my|for|at|on|phone|number|please|tomorrow|today|tonight|calling|with|here|speaking|the|a)\b)",
    re.IGNORECASE,
)
_NAME_WORD = re.compile(r"^[^\W\d_][\w'’.-]*$")
_SHORTEST_SPELLED = 2
_NOT_NAMES = {
    "yes", "yeah", "no", "nope", "hi", "hello", "hey", "thanks", "thank", "you", "ok", "okay", "sure", "please", "what", "why",
    "when", "how", "who", "where", "table", "booking", "book", "reservation", "cancel", "tomorrow", "today", "tonight", "um", "uh",
    "nothing", "help", "bye", "goodbye", "human", "person", "i", "we", "it", "that", "this", "not", "want", "like", "looking",
    "calling", "trying", "sorry", "fine", "good", "great", "just", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "is", "are", "can", "could", "do", "does", "don't", "know", "the", "a", "an", "my", "your", "of", "interested", "wondering", "going", "in", "at", "for", "to", "number", "phone", "later", "wait", "stop", "hold", "none", "say", "again", "pardon", "never",
    "mind", "actually", "repeat", "confirm", "change", "people", "anything", "something", "whatever", "speak", "else", "correct",
}  # fmt: skip
PARTICLES = {
    "de", "la", "del", "van", "von", "der", "den", "da", "dos", "di", "el", "al", "bin", "ibn", "le", "du", "y", "e", "o'", "st",
}  # fmt: skip


def party_size(words: str, *, expected: bool = False) -> int | None:
    """How many people come; the last that was said, when a caller corrects themselves.

    Args:
        words: one caller turn.
        expected: the question for it was just asked, so that a bare number is the answer.
    """
    size: int | None = None
    for part in corrected(_plain(words)):
        size = _party_size(part, expected=expected or size is not None) or size
    return size


def _party_size(text: str, *, expected: bool) -> int | None:
    text = text.strip(" .,;!?")
    if _ALONE.search(text):
        return 1
    together = _TOGETHER.search(text)
    if together:
        return _number(together["first"]) + _number(together["more"])
    patterns = [*_PARTY, _PARTY_ANSWER] if expected else _PARTY
    found = next((match for pattern in patterns if (match := pattern.search(text))), None)
    if found:
        return _number(found["n"]) or None
    return 2 if _TWO.search(text) or (expected and _TWO_ANSWER.search(text)) else None


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    known = _NUMBER_WORDS.get(text)
    return known if known is not None else sum(_NUMBER_WORDS[word] for word in re.split("[- ]", text))


def phone(words: str) -> str | None:
    """A phone number as digits were said: ``555 0100``, also spoken digit by digit, ``double`` included."""
    heard = [number for part in corrected(_plain(words)) if (number := _phone(part))]
    return heard[-1] if heard else None


def digits_alone(words: str) -> bool:
    """Whether a turn says digits and nothing else, three of them or more: a phone number, or a part of one."""
    text = re.sub(
        r"^(?:(?:um|uh|er|oh|ok|okay|yes|sure|it's|it is|that's|that is|my number is|the number is)[, ]+)+",
        "",
        _plain(words),
    )
    digits = re.sub(r"[\s().,+-]", "", _in_digits(text))
    return digits.isdecimal() and len(digits) >= _FEW_DIGITS


def _in_digits(text: str) -> str:
    text = re.sub(r"\b(double|triple) (\w+)\b", _repeated, text)
    return re.sub(rf"\b({'|'.join(_DIGIT_WORDS)})\b", lambda m: _DIGIT_WORDS[m[1]], text)


def _phone(text: str) -> str | None:
    text = _in_digits(text)
    for found in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE:
            return _tidy(found[0])
    return None


def _repeated(match: re.Match[str]) -> str:
    return " ".join([match[2]] * (2 if match[1] == "double" else 3))


def _tidy(number: str) -> str:
    """Digits that were said one by one are joined; groups stay as they were said."""
    groups = re.sub(r"[().,-]", " ", number).split()
    return "".join(groups) if all(len(group) == 1 for group in groups) else " ".join(groups)


def person_name(words: str, *, expected: bool) -> str | None:
    """The name that a caller gives.

    Args:
        words: one caller turn.
        expected: the question for it was just asked, so that a few words alone are the answer.
    """
    for part in reversed(corrected(" ".join(words.replace("’", "'").split()))):
        name = _person_name(part, expected=expected)
        if name is not None:
            return name
    return None


def _person_name(text: str, *, expected: bool) -> str | None:
    text = _NO_STOP.sub(r"\1", text)
    introduced = _NAME_INTRO.search(text)
    candidate = introduced["name"] if introduced else (text if expected else "")
    candidate = re.sub(
        r"^(?:(?:um|uh|er|oh|sure|yes|yeah|ok|okay|it's|that's|it is)[, ]+)+", "", candidate, flags=re.IGNORECASE
    )
    stop = _NAME_STOP.search(candidate)
    taken = _without_marks(candidate[: stop.start()] if stop else candidate)
    if not 1 <= len(taken) <= 5 or not all(_NAME_WORD.match(word) for word in taken):
        return None
    if any(word.casefold() in _NOT_NAMES for word in taken):
        return None
    if len(taken) == 1 and taken[0].casefold() in _NUMBER_WORDS:
        return None
    # "I'm …" begins many sentences; only what is written like a name counts after it.
    weak = introduced is not None and introduced[0].casefold().startswith(("i'm ", "i am ", "this is "))
    if weak and not expected and not taken[0][0].isupper():
        return None
    return " ".join(word if word.casefold() in PARTICLES or not word.islower() else word.title() for word in taken)


def _without_marks(text: str) -> list[str]:
    """The words of a name; letters that were spelled one by one are joined, and what is no letter at all is left out."""
    words = [word for word in text.split() if any(character.isalnum() for character in word)]
    spelled = len(words) > _SHORTEST_SPELLED and all(len(word) == 1 for word in words)
    return ["".join(words).title()] if spelled else words


def _plain(words: str) -> str:
    return " ".join(words.lower().replace("’", "'").split())
