"""The sandbox's settings."""

import pytest
from pydantic import ValidationError

from sandbox.settings import SandboxSettings


@pytest.mark.parametrize("zone", ["Europe", "Europe/", "Mars/One", "", "../etc/passwd", "/etc/passwd"])
def test_a_zone_that_is_none_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValidationError, match="SANDBOX_ZONE"):
        SandboxSettings(_env_file=None, zone=zone)
