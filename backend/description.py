"""What the API's description says of every operation alike."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
OF_BODIES = {
    "400": {"description": "The body is no text in the encoding that it names", "content": ERROR},
    "413": {"description": "The body is too large", "content": ERROR},
}
"""What is answered to a body before anything reads it."""


def describe_bodies(app: FastAPI) -> None:
    """Have the description name what any operation with a body may answer."""
    made: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        for methods in document["paths"].values():
            for operation in methods.values():
                if "requestBody" in operation:
                    operation["responses"] = OF_BODIES | operation["responses"]
        return document

    app.openapi = openapi
