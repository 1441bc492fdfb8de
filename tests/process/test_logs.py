"""What libraries log is told by where it comes from; their words may be a caller's."""

import io
import logging

import pytest

from tests.process.test_http import lines as lines


@pytest.mark.parametrize("name", ["livekit.agents", "uvicorn.error"])
def test_a_librarys_line_says_where_it_comes_from_and_nothing_that_was_said(name: str, lines: io.StringIO) -> None:
    logger = logging.getLogger(name)
    logger.info("received: %s", "my knee hurts")
    try:
        raise ValueError("my knee hurts")
    except ValueError:
        logger.exception("failed on %s", "my knee hurts", extra={"transcript": "my knee hurts"})
    (line,) = lines.getvalue().splitlines()
    assert line.startswith(f"error library message logger={name} where=test_logs:")
    assert line.endswith(" error_type=ValueError")
