"""The ways in which the model endpoint misbehaves when asked for a model of that name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from starlette.responses import JSONResponse, Response

CUT_AFTER: Final = 5
"""Chunks that `fault-cut` sends before the connection breaks."""
SLOW: Final = 2.0
"""Seconds between two chunks of `fault-slow`."""
RETRY_AFTER: Final = "1"
"""Seconds that `fault-429` asks to wait."""

NAMES: Final = (
    "fault-401",
    "fault-429",
    "fault-quota",
    "fault-500",
    "fault-cut",
    "fault-endless",
    "fault-empty",
    "fault-slow",
    "fault-garbage",
)


class Cut(Exception):
    """Raised inside a stream to break the connection in the middle of it."""


def error(status: int, message: str, kind: str, code: str | None, headers: dict[str, str] | None = None) -> Response:
    """OpenAI's shape of an error."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


def refusal(model: str) -> Response | None:
    """The answer instead of any text, for the models that never begin."""
    match model:
        case "fault-401":
            return error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")
        case "fault-429":
            message, headers = "Rate limit reached for this model.", {"retry-after": RETRY_AFTER}
            return error(429, message, "requests", "rate_limit_exceeded", headers)
        case "fault-quota":
            return error(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
        case "fault-500":
            return error(500, "The server had an error while processing your request.", "server_error", None)
    return None


async def endless() -> AsyncIterator[str]:
    while True:
        yield " and on"
