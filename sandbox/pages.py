"""Pages for people: one look, no script of others, nothing from outside."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "assets"
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    # Names of events and guests are other people's text.
    autoescape=True,
    undefined=StrictUndefined,
)
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


def html_page(template: str, *, status: int = 200, **values: Any) -> Response:
    """A page.

    Args:
        template: below ``templates``.
        status: HTTP status.
        values: what it shows; escaped.
    """
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(**values), status_code=status, headers=_HEADERS)


def fragment(template: str, **values: Any) -> str:
    """A part of a page."""
    return _ENVIRONMENT.get_template(template).render(**values)


def static_route(name: str) -> Route:
    """A file beside the pages, such as the style sheet."""

    async def send(_: Any) -> Response:
        return FileResponse(_FOLDER / "static" / name, headers={"cache-control": "no-cache"})

    return Route(f"/_sandbox/static/{name}", send, methods=["GET"])
