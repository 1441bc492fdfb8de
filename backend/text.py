"""Text that clients send, bounded and without control characters, which no database column should meet."""

import re
from typing import Annotated

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, StringConstraints, WithJsonSchema

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
EMAIL_PATTERN = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
PHONE_PATTERN = r"^\+[1-9][0-9]{4,17}$"
WHAT_FITS = {
    ID_PATTERN: "send 1 to 64 letters, digits, '_', '.' or '-', a letter or digit first",
    EMAIL_PATTERN: "send an address such as ana@example.com",
    PHONE_PATTERN: "send a number in E.164, such as +15550100",
}
"""What is said to whoever sent what does not fit a pattern."""
BROKEN = "a character of it is broken: send text in UTF-8"


def _without_control(text: str) -> str:
    if _CONTROL.search(text):
        msg = "control characters are not allowed"
        raise ValueError(msg)
    return text


def _without_halves(secret: SecretStr) -> SecretStr:
    try:
        secret.get_secret_value().encode()
    except UnicodeEncodeError:
        # JSON can name half of a character; pydantic finds that in plain text alone.
        raise ValueError(BROKEN) from None
    return secret


WHOLE = AfterValidator(_without_halves)
"""For secrets: nothing can hash, seal or send on half a character."""
_clean = AfterValidator(_without_control)
_LINE = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""For the API's description: what is said in code above. The answer to what does not fit names the problem better."""

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    _clean,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 200, "pattern": _LINE}),
]
"""One line: a name, a title."""
Prose = Annotated[
    str,
    StringConstraints(max_length=8000),
    _clean,
    WithJsonSchema({"type": "string", "maxLength": 8000, "pattern": _PROSE}),
]
"""Some paragraphs."""
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=254, pattern=EMAIL_PATTERN),
    _clean,
]
Identifier = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""An id in a body."""
PathId = Annotated[str, Path(pattern=ID_PATTERN)]
"""An id in a path."""


class Sent(BaseModel):
    """What a client sends: an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")
