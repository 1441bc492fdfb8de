"""Finds in a caller's words what a booking needs, by rules: party size, name, phone, yes or no. For the offline brain."""

import re

_UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_NUMBER_WORDS = {word: number for number, word in enumerate(_UNITS)} | {
    "a couple": 2,
    "couple": 2,
    "half a dozen": 6,
    "a dozen": 12,
}
_COUNT = r"(?P<n>\d{1,3}|half a dozen|a dozen|a couple|couple|" + "|".join(_UNITS[1:]) + ")"
_PEOPLE = r"(?:people|persons?|guests?|adults?|diners|covers|pax|of us)"
_PARTY = [
    re.compile(
        rf"\b(?:table|booking|reservation|seats?|party|group|dinner|lunch|spot|room|it)(?: is)? (?:for|of) {_COUNT}\b(?! ?(?:am|pm|o'clock|:|\.\d))"
    ),
    re.compile(rf"\b{_COUNT} {_PEOPLE}\b"),
    re.compile(
        rf"\b(?:there(?:'s| are| will be| would be)|we(?:'re| are| will be)|it(?:'s| is| will be)) (?:just |only )?{_COUNT}\b(?! ?(?:am|pm|o'clock|:))"
    ),
    re.compile(rf"\bfor {_COUNT}\b(?! ?(?:am|pm|o'clock|:|hours?|days?|nights?|minutes?))"),
    re.compile(rf"^(?:just )?{_COUNT} on (?:the )?\w"),
]
_PARTY_ANSWER = re.compile(
    rf"^(?:(?:just|only|um|uh|er|maybe|make it|we're|we are|it's|no|actually|say|with)[, ]+)*{_COUNT}(?: (?:please|thanks|thank you|in total|altogether))*$"
)
_ALONE = re.compile(
    r"^(?:just |only )?(?:me|myself|for me|one person|on my own)$|\bjust me\b|\bonly me\b|\bby myself\b"
)

_DIGIT_WORDS = {word: str(number) for number, word in enumerate(_UNITS[:10])} | {"oh": "0", "o": "0"}
_PHONE = re.compile(r"\+?\(?\d(?:[\d\s().-]*\d)?")
_SHORTEST_PHONE, _LONGEST_PHONE = 6, 15

_YES = re.compile(
    r"^(?:(?:yes|yeah|yep|yup|sure|correct|right|exactly|absolutely|definitely|certainly|perfect|great|okay|ok|fine|please do"
    r"|go ahead|do it|book it|sounds good|sounds great|that's right|that is right|that's correct|that is correct|that's fine"
    r"|that works|of course|please|thank you|thanks|that's it|it is|i do|lovely|all good|cancel it|yes cancel it|um|uh|well|very much)[,.! ]*)+$"
)
_SAYS_YES = re.compile(
    r"\b(?:yes|yeah|yep|yup|sure|correct|right|exactly|absolutely|definitely|certainly|perfect|great|okay|ok|fine|go ahead|do it|book it|good|works|course|please do|do|cancel it|it is|lovely|that's it)\b"
)
_NO = re.compile(
    r"^(?:(?:um|uh|well|oh|sorry)[, ]+)*(?:no|nope|nah|don't|do not|never mind|nevermind|not really|wrong|that's wrong|that's not right|forget it|stop)\b"
)

_NAME_INTRO = re.compile(
    r"\b(?:my name is|my name's|name is|name's|the name is|i am called|i'm called|this is|it's under|it is under|under the name of|under the name|under"
    r"|put it under|in the name of|for the name|i'm|i am)\s+(?P<name>.+)$",
    re.IGNORECASE,
)
_NAME_STOP = re.compile(
    r"(?:[,.;!?]|\b(?:and|my|for|at|on|phone|number|please|tomorrow|today|tonight|calling|with|here|speaking|the|a)\b)",
    re.IGNORECASE,
)
_NAME_WORD = re.compile(r"^[^\W\d_][\w'’.-]*$")
_NOT_NAMES = {
    "yes", "yeah", "no", "nope", "hi", "hello", "hey", "thanks", "thank", "you", "ok", "okay", "sure", "please", "what", "why",
    "when", "how", "who", "where", "table", "booking", "book", "reservation", "cancel", "tomorrow", "today", "tonight", "um", "uh",
    "nothing", "help", "bye", "goodbye", "human", "person", "i", "we", "it", "that", "this", "not", "want", "like", "looking",
    "calling", "trying", "sorry", "fine", "good", "great", "just", "monday", "tuesday", "wednesday", "thursday", "friday",
    "saturday", "sunday", "is", "are", "can", "could", "do", "does", "don't", "know", "the", "a", "an", "my", "your", "of", "interested", "wondering", "going", "in", "at", "for", "to", "number", "phone", "later", "wait", "stop", "hold", "none",
}  # fmt: skip
_PARTICLES = {
    "de",
    "la",
    "del",
    "van",
    "von",
    "der",
    "den",
    "da",
    "dos",
    "di",
    "el",
    "al",
    "bin",
    "ibn",
    "le",
    "du",
    "y",
    "e",
    "o'",
    "st",
}


def party_size(words: str, *, expected: bool = False) -> int | None:
    """How many people come.

    Args:
        words: one caller turn.
        expected: the question for it was just asked, so that a bare number is the answer.
    """
    text = _plain(words)
    if _ALONE.search(text):
        return 1
    patterns = [*_PARTY, _PARTY_ANSWER] if expected else _PARTY
    for pattern in patterns:
        found = pattern.search(text)
        if found:
            number = found["n"]
            return int(number) if number.isdecimal() else _NUMBER_WORDS[number]
    return None


def phone(words: str) -> str | None:
    """A phone number as digits were said: ``555 0100``, also spoken digit by digit, ``double`` included."""
    text = re.sub(r"\b(double|triple) (\w+)\b", _repeated, _plain(words))
    text = re.sub(rf"\b({'|'.join(_DIGIT_WORDS)})\b", lambda m: _DIGIT_WORDS[m[1]], text)
    for found in _PHONE.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if _SHORTEST_PHONE <= len(digits) <= _LONGEST_PHONE:
            return _tidy(found[0])
    return None


def _repeated(match: re.Match[str]) -> str:
    return " ".join([match[2]] * (2 if match[1] == "double" else 3))


def _tidy(number: str) -> str:
    """Digits that were said one by one are joined; groups stay as they were said."""
    groups = re.sub(r"[().-]", " ", number).split()
    return "".join(groups) if all(len(group) == 1 for group in groups) else " ".join(groups)


def person_name(words: str, *, expected: bool) -> str | None:
    """The name that a caller gives.

    Args:
        words: one caller turn.
        expected: the question for it was just asked, so that a few words alone are the answer.
    """
    text = " ".join(words.replace("’", "'").split())
    introduced = _NAME_INTRO.search(text)
    candidate = introduced["name"] if introduced else (text if expected else "")
    candidate = re.sub(
        r"^(?:(?:um|uh|er|oh|sure|yes|yeah|ok|okay|it's|that's|it is)[, ]+)+", "", candidate, flags=re.IGNORECASE
    )
    stop = _NAME_STOP.search(candidate)
    taken = (candidate[: stop.start()] if stop else candidate).split()
    if not 1 <= len(taken) <= 5 or not all(_NAME_WORD.match(word) for word in taken):
        return None
    if any(word.casefold() in _NOT_NAMES for word in taken):
        return None
    # "I'm …" begins many sentences; only what is written like a name counts after it.
    weak = introduced is not None and introduced[0].casefold().startswith(("i'm ", "i am ", "this is "))
    if weak and not expected and not taken[0][0].isupper():
        return None
    return " ".join(word if word.casefold() in _PARTICLES or not word.islower() else word.title() for word in taken)


def yes_or_no(words: str) -> bool | None:
    """Whether a turn says yes or no, and nothing else. A «yes, but …» is neither."""
    text = _plain(words).strip(" .!,?")
    if _NO.search(text):
        return False
    if _YES.search(text) and _SAYS_YES.search(text):
        return True
    return None


def _plain(words: str) -> str:
    return " ".join(words.lower().replace("’", "'").split())
