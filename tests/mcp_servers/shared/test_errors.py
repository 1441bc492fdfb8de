"""Failures are named by what happens next, and one table says what follows from each."""

import json

import pytest

from contracts.results import ErrorKind, ToolFailure
from mcp_servers.shared import errors
from mcp_servers.shared.errors import CONSEQUENCES, ServerError
from mcp_servers.shared.tools import failure_result

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, ServerError)]
RAISED = [error for error in ALL if error is not ServerError]

TABLE = {
    ErrorKind.BAD_REQUEST: (400, "after_fix", "info"),
    ErrorKind.NOT_FOUND: (404, "never", "info"),
    ErrorKind.CONFLICT: (409, "after_fix", "info"),
    ErrorKind.NOT_ALLOWED: (403, "never", "warning"),
    ErrorKind.NEEDS_RECONNECT: (503, "never", "error"),
    ErrorKind.TRY_LATER: (429, "after_wait", "warning"),
    ErrorKind.OUTCOME_UNKNOWN: (504, "never", "error"),
    ErrorKind.UNAVAILABLE: (503, "after_wait", "error"),
}


@pytest.mark.parametrize("kind", ErrorKind)
def test_each_kind_has_one_row_and_one_exception(kind: ErrorKind) -> None:
    row = CONSEQUENCES[kind]
    assert (row.http_status, row.retry, row.log_level) == TABLE[kind]
    assert [error.kind for error in RAISED].count(kind) == 1


@pytest.mark.parametrize("kind", ErrorKind)
def test_each_kind_has_a_sentence_for_a_caller_that_claims_nothing(kind: ErrorKind) -> None:
    speech = CONSEQUENCES[kind].speech
    assert speech.endswith((".", "?"))
    assert not {"booked", "cancelled", "sent", "moved"} & set(speech.lower().rstrip(".?").split())


@pytest.mark.parametrize("error", RAISED, ids=lambda e: e.__name__)
def test_a_failure_crosses_the_wire_as_structure_and_as_text(error: type[ServerError]) -> None:
    failure = error("field: why", field="field", retry_after=3.0, current_epoch=2).to_failure()
    result = failure_result(failure)
    assert result.is_error is True
    assert result.structured_content == {
        "success": False, "kind": error.kind.value, "error": "field: why", "speech": CONSEQUENCES[error.kind].speech,
        "field": "field", "retry_after": 3.0, "current_epoch": 2,
    }  # fmt: skip
    (text,) = result.content
    assert json.loads(text.text) == result.structured_content  # type: ignore[union-attr]
    assert ToolFailure.model_validate(result.structured_content) == failure


def test_a_failures_own_sentence_replaces_the_kinds() -> None:
    assert errors.Conflict("x", speech="Seven is taken.").to_failure().speech == "Seven is taken."


def test_what_is_not_said_is_left_out() -> None:
    structured = failure_result(errors.NotFound("x").to_failure()).structured_content
    assert structured is not None
    assert set(structured) == {"success", "kind", "error", "speech"}
