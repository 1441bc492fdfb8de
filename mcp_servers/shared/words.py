"""Text for speech. What other people wrote is cut to short plain characters before it may be spoken."""

import unicodedata

SPOKEN_CHARACTERS = 60


def plain(text: str, most: int = SPOKEN_CHARACTERS) -> str:
    """Letters, digits, spaces and a little punctuation of a text, cut to a length."""
    kept = "".join(c if _speakable(c) else " " for c in unicodedata.normalize("NFC", text))
    return " ".join(kept.split())[:most].rstrip()


def _speakable(character: str) -> bool:
    return unicodedata.category(character)[0] in {"L", "N", "M"} or character in " ,.'-&:"


def spelled(code: str) -> str:
    """A code letter by letter, so that speech does not run it together."""
    return " ".join(code)
