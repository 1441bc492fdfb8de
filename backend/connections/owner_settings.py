"""What an owner sets for a connection, checked by what the manifest lists: no integration is known here."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from backend.errors import ApiError
from contracts.hours import OpeningHours
from contracts.manifest import ConnectionSetting

LONGEST_TEXT = 254


def checked(given: Mapping[str, Any], declared: Sequence[ConnectionSetting]) -> dict[str, Any]:
    """The settings to keep; null unsets one.

    Raises:
        ApiError: 422, with the setting and what it may be.
    """
    known = {setting.name: setting for setting in declared}
    for name in given:
        if name not in known:
            raise _wrong(name, f"no such setting; there are: {', '.join(known) or 'none'}")
    return {name: CHECKS[known[name].type](known[name], value) for name, value in given.items() if value is not None}


def _number(setting: ConnectionSetting, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not setting.minimum <= value <= setting.maximum:
        raise _wrong(setting.name, f"a whole number from {setting.minimum} to {setting.maximum}")
    return value


def _choice(setting: ConnectionSetting, value: Any) -> str:
    if value not in setting.choices:
        raise _wrong(setting.name, f"one of {', '.join(setting.choices)}")
    return str(value)


def _text(setting: ConnectionSetting, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value.strip()) <= LONGEST_TEXT:
        raise _wrong(setting.name, f"a text of 1 to {LONGEST_TEXT} characters")
    return value.strip()


def _hours(setting: ConnectionSetting, value: Any) -> dict[str, Any]:
    try:
        return OpeningHours.model_validate(value).model_dump(mode="json")
    except ValidationError:
        raise _wrong(setting.name, 'such as {"week": {"monday": [{"opens": "09:00", "closes": "17:00"}]}}') from None


CHECKS: Mapping[str, Callable[[ConnectionSetting, Any], Any]] = {
    "number": _number,
    "choice": _choice,
    "text": _text,
    "hours": _hours,
}


def _wrong(name: str, wanted: str) -> ApiError:
    return ApiError(422, "invalid_request", f"{name}: {wanted}", field=name)
