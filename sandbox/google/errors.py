"""Google's error shape."""

from starlette.responses import JSONResponse


class GoogleError(Exception):
    """An error answer.

    Args:
        status: HTTP status.
        reason: Google's reason, such as ``notFound``.
        message: Google's text.
        domain: ``global``, ``calendar`` or ``usageLimits``.
        location: the parameter or header concerned.
        location_type: ``parameter`` or ``header``.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        domain: str = "global",
        location: str | None = None,
        location_type: str = "parameter",
    ) -> None:
        super().__init__(message)
        self.status = status
        detail = {"domain": domain, "reason": reason, "message": message}
        if location is not None:
            detail |= {"locationType": location_type, "location": location}
        self.body = {"error": {"errors": [detail], "code": status, "message": message}}

    def response(self) -> JSONResponse:
        """As it crosses the wire."""
        return JSONResponse(self.body, status_code=self.status)


def invalid(message: str, location: str | None = None) -> GoogleError:
    """400 ``invalid``."""
    return GoogleError(400, "invalid", message, location=location)


def required(name: str) -> GoogleError:
    """400 ``required``."""
    return GoogleError(400, "required", f"Missing {name}.", location=name)


def not_found() -> GoogleError:
    """404, also for what may not be seen."""
    return GoogleError(404, "notFound", "Not Found")
