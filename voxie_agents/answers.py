"""Whether a caller's turn says yes or no. Only a turn that says yes and nothing else is a consent."""

import re

_YES_WORDS = (
    "yes|y|yeah|yep|yup|ya|si|sí|sure|correct|right|exactly|absolutely|definitely|certainly|perfect|great|okay|ok|fine|good|lovely|cool|super|brilliant|excellent|wonderful|awesome|fantastic|spot on|confirmed"
    "|all right|alright|uh-huh|mm-hmm|mhm|affirmative|please do|go ahead|do it|do that|do so|book it|go for it|i confirm|i do|it is"
    "|all good|all correct|all fine|you got it|of course|sounds (?:good|great|right|fine|perfect)"
    "|(?:that's|that is|it's|it is)(?: all)? (?:right|correct|fine|good|great|perfect|it|okay|ok)|that works"
)
_BESIDE = (
    "please|thank you|thanks|very much|so much|a lot|um|uh|er|well|oh|indeed|then|now|hell|damn|fuck|fucking|bloody"
)
_YES = re.compile(rf"^(?:(?:{_YES_WORDS}|{_BESIDE})(?:[,.! ]+|$))+$")
_SAYS_YES = re.compile(rf"\b(?:{_YES_WORDS})(?=[,.! ]|$)")
_CANCEL_IT = re.compile(r"\bcancel (?:it|that|that one|this one)\b")
_NO = re.compile(
    r"^(?:(?:um|uh|well|oh|sorry|wait|hold on|hang on|please|i changed my mind|actually|hell|fuck)[,. ]+)*"
    r"(?:no|n|nope|nah|none|neither|don't|do not|never mind|nevermind|not (?:really|quite|right|correct|now|yet|that)|wrong|incorrect|forget it|stop"
    r"|(?:that's|that is|it's|it is) (?:not|wrong|incorrect))\b"
)


def yes_or_no(words: str, *, cancels: bool = False) -> bool | None:
    """Whether a turn says yes or no, and nothing else. A «yes, but …» is neither.

    Args:
        words: of one turn.
        cancels: it answers whether something shall be cancelled: "cancel it" agrees to that question, and to no other.
    """
    text = " ".join(words.lower().replace("’", "'").split()).strip(" .!,?")
    if cancels:
        text = _CANCEL_IT.sub("do it", text)
    if _NO.search(text):
        return False
    if _YES.search(text) and _SAYS_YES.search(text):
        return True
    return None
