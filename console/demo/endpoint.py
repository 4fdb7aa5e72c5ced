"""The HTTP side of the demo: a model endpoint that speaks the OpenAI API, and the health of two services.

`python -m console.demo.endpoint`; PORT and OLORIN_DEMO_API_KEY in the environment. Models named `fault-...` misbehave
(see `model_faults`).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
import struct
import sys
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from console.demo import model_faults, model_text, vector_index
from console.demo.service import HEALTH, MODEL
from console.demo.serving import serve

EMBEDDING_MODEL: Final = "text-embedding-3-small"
DIMENSIONS: Final = 1536
PACE: Final = 0.03
"""Seconds between two chunks."""

Json = dict[str, Any]


async def models(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    names = (MODEL, EMBEDDING_MODEL, *model_faults.NAMES)
    entries = [{"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "olorin-demo"} for name in names]
    return JSONResponse({"object": "list", "data": entries})


async def completions(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    try:
        body: Json = await request.json()
        prompt = "\n".join(_text(message["content"]) for message in body["messages"])
        model, limit = str(body["model"]), _limit(body)
    except (ValueError, KeyError, TypeError) as problem:
        return model_faults.error(400, f"Malformed request: {problem!r}", "invalid_request_error", None)
    if (refused := model_faults.refusal(model)) is not None:
        return refused
    if model == "fault-garbage":
        return Response("data: {not json\n\n" if body.get("stream") else "{not json", media_type="text/event-stream")
    if body.get("stream"):
        return StreamingResponse(_stream(body, model, prompt, limit), media_type="text/event-stream")
    return await _whole(model, prompt, limit)


def _text(content: Any) -> str:
    """The text of a message, which is a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def _limit(body: Json) -> int:
    """The most chunks; one is about one token. Raises ValueError."""
    if body["model"] == "fault-endless":
        return sys.maxsize
    return int(body.get("max_completion_tokens") or body.get("max_tokens") or 1_000)


async def _whole(model: str, prompt: str, limit: int) -> Response:
    pieces = [piece async for piece in _pieces(model if model != "fault-endless" else MODEL, prompt, PACE / 10)]
    text = "".join(pieces[:limit])
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": "length" if len(pieces) > limit else "stop",
    }
    return JSONResponse(_envelope(model, "chat.completion") | {"choices": [choice], "usage": _usage(prompt, text)})


async def _stream(body: Json, model: str, prompt: str, limit: int) -> AsyncIterator[str]:
    envelope = _envelope(model, "chat.completion.chunk")
    said = ""
    yield _event(envelope | {"choices": [_delta({"role": "assistant", "content": ""})]})
    count, finish = 0, "stop"
    async for piece in _pieces(model, prompt, PACE):
        if count == limit:
            finish = "length"
            break
        count, said = count + 1, said + piece
        yield _event(envelope | {"choices": [_delta({"content": piece})]})
        if model == "fault-cut" and count == model_faults.CUT_AFTER:
            raise model_faults.Cut
    yield _event(envelope | {"choices": [_delta({}, finish)]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event(envelope | {"choices": [], "usage": _usage(prompt, said)})
    yield "data: [DONE]\n\n"


async def _pieces(model: str, prompt: str, pace: float) -> AsyncIterator[str]:
    """The answer, chunk by chunk, at the pace of one that is being thought up."""
    if model == "fault-empty":
        return
    if model == "fault-endless":
        async for piece in model_faults.endless():
            await asyncio.sleep(pace)
            yield piece
    for piece in model_text.answer(prompt):
        await asyncio.sleep(model_faults.SLOW if model == "fault-slow" else pace)
        yield piece


def _envelope(model: str, kind: str) -> Json:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(time.time()), "model": model}


def _delta(delta: Json, finish: str | None = None) -> Json:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _event(chunk: Json) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


def _usage(prompt: str, said: str) -> Json:
    read, written = model_text.tokens(prompt), model_text.tokens(said)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


async def embeddings(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    try:
        body: Json = await request.json()
        inputs = [body["input"]] if isinstance(body["input"], str) else [str(text) for text in body["input"]]
        dimensions = int(body.get("dimensions") or DIMENSIONS)
    except (ValueError, KeyError, TypeError) as problem:
        return model_faults.error(400, f"Malformed request: {problem!r}", "invalid_request_error", None)
    model = str(body.get("model"))
    if (refused := model_faults.refusal(model)) is not None:
        return refused
    vectors = [_encoded(model_text.embedding(text, dimensions), body.get("encoding_format")) for text in inputs]
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    read = sum(model_text.tokens(text) for text in inputs)
    usage = {"prompt_tokens": read, "total_tokens": read}
    return JSONResponse({"object": "list", "data": data, "model": model, "usage": usage})


def _encoded(vector: list[float], encoding: str | None) -> list[float] | str:
    """As numbers, or as base64 of 32-bit floats, which is what the official client asks for."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode() if encoding == "base64" else vector


def _unauthorized(request: Request) -> Response | None:
    expected = f"Bearer {os.environ['OLORIN_DEMO_API_KEY']}"
    if hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
        return None
    return model_faults.error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key")


async def health(request: Request) -> Response:
    """200 and a word, as both services answer."""
    service = request.url.path.split("/")[1]
    return JSONResponse({"status": "healthy", "service": service, "timestamp": time.time()})


application = Starlette(
    routes=[
        Route("/v1/models", models),
        Route("/v1/chat/completions", completions, methods=["POST"]),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        *vector_index.ROUTES,
        *(Route(f"/{service}{path}", health) for service, path in HEALTH.items()),
    ]
)

if __name__ == "__main__":
    serve(application)
