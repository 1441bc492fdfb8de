"""What a header of an answer says, whoever sent it."""

import re

SECONDS = re.compile(r"[0-9]{1,6}")


def retry_seconds(value: str | None) -> float | None:
    """A ``Retry-After`` in seconds; None when it is missing, a date, which is not worth the trouble within a call, or odd.

    Args:
        value: the header's.
    """
    return float(value) if value is not None and SECONDS.fullmatch(value) else None
