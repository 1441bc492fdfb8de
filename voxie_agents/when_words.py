"""Words before an engine reads them: numbers as speech recognition writes them, and people counts taken out."""

import re
from difflib import get_close_matches

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_ONE_COUNT = r"(?:\d{1,3}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|one)"
_COUNT = rf"(?:{_ONE_COUNT}(?: (?:or|to) {_ONE_COUNT})?)"
_CLOCK = (
    r"(?:\d{1,2}:\d\d ?(?:[ap]m)?|(?:[5-9]|1\d|2[0-3])(?: ?[ap]m)?|\d ?[ap]m|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|thirty|fifteen|o'clock|noon)"
)
_PEOPLE = r"(?:people|persons?|guests?|adults?|kids?|children|diners|covers|pax|of us)"

_PARTY = [
    re.compile(
        rf"\b(?:a |the )?(?:table|booking|reservation|seats?|party|group|dinner|lunch|spot|room) (?:for|of) {_COUNT}(?: {_PEOPLE})?\b"
    ),
    re.compile(rf"\b(?:for |just |there(?:'s| are| will be) |we(?:'re| are) )?{_COUNT} {_PEOPLE}\b"),
    re.compile(rf"\bfor {_COUNT}(?= (?:at|on|tomorrow|today|tonight|this|next|{'|'.join(WEEKDAYS)})\b)"),
    re.compile(rf"^(?:just )?{_COUNT}(?= on (?:the |{'|'.join(WEEKDAYS)}))"),
    # "7 for 4": the time first, then how many come.
    re.compile(rf"(?P<keep>(?:\b{_CLOCK}|\bat {_COUNT}) )for {_COUNT}(?=\W*$|,| (?:please|thanks|and|my)\b)"),
]
_ISO = re.compile(r"\b\d{4}-\d\d?-\d\d?|\d{8}t\d{4}|\dt\d\d:\d\d", re.IGNORECASE)

_DAY_WORDS = re.compile(
    rf"\b(?:today|tonight|tomorrow|yesterday|{'|'.join(WEEKDAYS)}|mon|tues?|weds?|thurs?|fri|sat|sun"
    r"|january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|day|days|week|weeks|weekends?|months?|years?|christmas|easter|eve|holiday|hallowe'?en|thanksgiving"
    r"|\d{1,2}(?:st|nd|rd|th)|first|second|third|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth"
    r"|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth|thirty-first|hours?|minutes?"
    r"|this|now|later|noon today)\b"
)


_MONTH = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b"
)
_TYPED = ("tomorrow", "tonight", *WEEKDAYS)
_SHORT = dict.fromkeys(("tmrw", "tmr", "tmw", "2moro", "2morrow", "tmorrow"), "tomorrow") | dict.fromkeys(
    ("2nite", "tonite"), "tonight"
)
_TEENS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
    "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth")  # fmt: skip
ORDINALS = (
    {f"twenty{dash}{name}": 21 + index for dash in ("-", " ") for index, name in enumerate(_TEENS[:9])}
    | {"thirtieth": 30, "thirty-first": 31, "thirty first": 31}
    | {name: 1 + index for index, name in enumerate(_TEENS)}
)
_MINUTES = r"(?:\d{1,2}|five|ten|fifteen|twenty(?:[- ]five)?)"
_MINUTES_OF_HOUR = re.compile(
    rf"(?<!by )\b({_MINUTES}) minutes? (past|to|before|after|till) (?={_CLOCK}|{_ONE_COUNT}\b)"
)
"""``ten minutes past five``, which Duckling takes for minutes that pass."""
_HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven")
_MINUTES_IN_WORDS = {"five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "twenty five": 25, "twenty-five": 25}
_MINUTES_OF_PLAIN_HOUR = re.compile(
    rf"(?<!by )\b({_MINUTES}) minutes? (past|to|before|after|till) ({'|'.join(_HOURS)}|\d{{1,2}})\b(?!:)(?: o'clock)?"
)
"""The same with an hour whose half of the day the minutes cannot leave, as they do before twelve."""
_NTH_WEEKDAY = re.compile(rf"\b([1-5])(?:st|nd|rd|th)(?= (?:{'|'.join(WEEKDAYS)}) (?:of|in)\b)")
_SECOND_OF = re.compile(
    r"(?<!twenty )(?<![\w-])second (?=of (?:this|next|the|january|february|march|april|may|june|july|august|september|october|november|december)\b)"
)
"""A day of the month, which Duckling takes for a sixtieth of a minute."""
_NAMED_LIKE_A_MONTH = re.compile(
    r"\b(?:(?:this|it|here) is|my name(?: is|'s)|the name(?: is|'s)|i am|i'm|under(?: the name(?: of)?)?|(?:for )?(?:mr|mrs|ms|miss|dr)\.?)"
    rf" (?:march|april|may|june|august)\b(?! (?:the )?(?:\d|{'|'.join(_TEENS)}|twenty|thirt))"
)
_DURATION = re.compile(
    r"\bfor (?:about )?(?:an?|half an|\d+|one|two|three|four|five|six) (?:hours?|minutes?)(?: and a half)?\b"
)


def normalised(words: str) -> str:
    """Lower case, and times as ``7:30``, whatever the recogniser wrote."""
    text = " ".join(_spelled(word) for word in words.lower().replace("’", "'").split())
    text = re.sub(r"\b([ap])\.\s?m\.?(?=\W|$)", r"\1m", text)
    text = re.sub(r"\bo'?clock\b", " o'clock", text)
    text = re.sub(r"\bhalf-", "half ", text)
    text = re.sub(r"\b(\d{1,2})h(\d\d)?\b", lambda m: f"{m[1]}:{m[2] or '00'}", text)
    text = re.sub(rf"\b({_ONE_COUNT}|noon|midday|thirty|fifteen)(?:-| )?ish\b", r"\1", text)
    text = re.sub(r"\bat the (?=\d{1,2}(?!\d|st|nd|rd|th))", "at ", text)
    text = re.sub(r"(?:(?<=\bat )|\b)(\d{1,2}) ([0-5]\d)(?= ?[ap]m\b)", r"\1:\2", text)
    text = re.sub(rf"(?<=\bat )(\d{{1,2}}) ([0-5]\d)\b(?! ?\d| (?:of )?{_MONTH.pattern})", r"\1:\2", text)
    text = re.sub(r"\b(\d{1,2})[.](\d\d)(?=\b|[ap]m\b)(?!\d|[./])", r"\1:\2", text)
    text = re.sub(r"\b(\d{1,2})(\d\d)(?=\s*[ap]m\b)", r"\1:\2", text)
    text = re.sub(r"(?<=\bat )(\d{1,2})([0-5]\d)\b(?!:)", r"\1:\2", text)
    text = re.sub(r"^(?:(?:make it|say|how about|what about|maybe|no|um|uh)[, ]+)*(\d{1,2})([0-5]\d)$", r"\1:\2", text)
    text = re.sub(r"\b(day after tomorrow|tomorrow|today|tonight) (\d{1,2})([0-5]\d)$", r"\1 \2:\3", text)
    # The first of the month, to an engine.
    text = re.sub(r"\bfirst thing\b", "early", text)
    # Duckling reads it as noon.
    text = re.sub(r"\bnone\b", " ", text)
    text = re.sub(r"\b(?:12|twelve) (?=noon|midnight|midday)", "", text)
    text = re.sub(rf"\b({'|'.join(WEEKDAYS)}),? (?:the )?({'|'.join(ORDINALS)})\b", _dated, text)
    text = _NTH_WEEKDAY.sub(lambda m: _TEENS[int(m[1]) - 1], text)
    text = _MINUTES_OF_PLAIN_HOUR.sub(_in_digits, text)
    text = _MINUTES_OF_HOUR.sub(r"\1 \2 ", text)
    text = _SECOND_OF.sub("2nd ", text)
    text = _NAMED_LIKE_A_MONTH.sub(" ", text)
    text = _DURATION.sub(" ", text)
    return " ".join(text.split())


def _in_digits(match: re.Match[str]) -> str:
    """``ten minutes to eleven`` as ``10:50``; beside a date Duckling takes its words for days."""
    minute = int(match[1]) if match[1].isdecimal() else _MINUTES_IN_WORDS[match[1]]
    hour = int(match[3]) if match[3].isdecimal() else 1 + _HOURS.index(match[3])
    if not 1 <= minute <= 59 or hour > 23 or hour in {0, 12}:
        return match[0]
    if match[2] in {"past", "after"}:
        return f"{hour}:{minute:02d}"
    return f"{hour - 1 or 12}:{60 - minute:02d}"


def _dated(match: re.Match[str]) -> str:
    """``friday the fourth`` as ``friday the 4th``: a day of the month that the weekday must fit."""
    return f"{match[1]} the {ORDINALS[match[2]]}th"


def _spelled(word: str) -> str:
    """A day that was typed wrongly, put right: read past, it would leave only the time, for another day."""
    bare = word.strip(",.;!?")
    if bare in _SHORT:
        return word.replace(bare, _SHORT[bare])
    if len(bare) < 6 or bare.startswith(_TYPED):
        return word
    near = get_close_matches(bare, _TYPED, n=1, cutoff=0.82)
    return word.replace(bare, near[0]) if near else word


def without_party(text: str) -> str:
    """The text without how many people come, which would read as a time."""
    for pattern in _PARTY:
        text = pattern.sub(lambda m: f"{m.groupdict().get('keep', '')} ", text)
    return " ".join(text.split())


def ends_with_party(text: str) -> bool:
    """Whether the last thing that a text says is how many people come."""
    rest = without_party(text)
    return rest != text and not text.endswith(rest.split()[-1] if rest else "")


def looks_like_iso(words: str) -> bool:
    """Whether somebody wrote an instant rather than said one."""
    return bool(_ISO.search(words))


_FILLERS = re.compile(
    r"\b(?:make it|make that|actually|sorry|i mean|i meant|wait|sharp|exactly|prompt|or so|or thereabouts|let's say|let's do|say|how about|what about|maybe|please|um|uh|er|at|around|about|then|okay|ok|yes|yeah"
    r"|no|instead|o'clock|thanks|thank you|the|one|slot|could you do|can you do|would|work|is|fine|good)\b|[,.!?-]"
)


def only_says(text: str, body: str) -> bool:
    """Whether a text is nothing but an expression and words that fill a gap, as the answer to a question is."""
    left = text.replace(body, " ", 1)
    return not _FILLERS.sub(" ", left).split()


def names_a_day(text: str) -> bool:
    """Whether an expression says on which day, rather than only at what time."""
    return bool(_DAY_WORDS.search(text))


def names_a_month(text: str) -> bool:
    """Whether a text says in which month."""
    return bool(_MONTH.search(text))


def weekday_named(text: str) -> int | None:
    """The weekday in a text, Monday being 0; None without one or with several."""
    named = {WEEKDAYS.index(day) for day in re.findall(rf"\b({'|'.join(WEEKDAYS)})\b", text)}
    return named.pop() if len(named) == 1 else None


_DAY_OF_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)\b|(?<![:\d])\b(\d{{1,2}}) (?:of )?{_MONTH.pattern}|{_MONTH.pattern} (?:the )?(\d{{1,2}})\b(?!:| ?[ap] ?m\b| o'clock)"
)


def days_of_month_named(text: str) -> set[int]:
    """The numbers that a text may say as a day of the month: ``the 14th``, ``14 June``, ``June 14``."""
    return {int(next(filter(None, numbers))) for numbers in _DAY_OF_MONTH.findall(text)}
