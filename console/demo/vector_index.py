"""The vector index of the demo: the part of Pinecone's HTTP API that the console asks for, in memory.

Its key is the PINECONE_API_KEY of the demo's own file; the index's host is the endpoint itself.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from console.demo.service import VECTOR_KEY

MOST: Final = 100
"""Vectors of one upsert."""

Json = dict[str, Any]
_vectors: dict[str, Json] = {}


async def index(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    host = str(request.base_url).rstrip("/")
    return JSONResponse({"name": request.path_params["name"], "host": host, "dimension": 1536, "metric": "cosine"})


async def upsert(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    given: list[Json] = (await request.json())["vectors"]
    if len(given) > MOST:
        return JSONResponse({"code": 3, "message": f"more than {MOST} vectors"}, 400)
    _vectors.update({each["id"]: each for each in given})
    return JSONResponse({"upsertedCount": len(given)})


async def delete(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    for each in (await request.json())["ids"]:
        _vectors.pop(each, None)
    return JSONResponse({})


async def fetch(request: Request) -> Response:
    if (refused := _unauthorized(request)) is not None:
        return refused
    found = {each: _vectors[each] for each in request.query_params.getlist("ids") if each in _vectors}
    return JSONResponse({"vectors": found, "namespace": ""})


def _unauthorized(request: Request) -> Response | None:
    if request.headers.get("api-key") == VECTOR_KEY:
        return None
    return JSONResponse({"code": 16, "message": "Invalid API Key"}, 401)


ROUTES: Final = (
    Route("/indexes/{name}", index),
    Route("/vectors/upsert", upsert, methods=["POST"]),
    Route("/vectors/delete", delete, methods=["POST"]),
    Route("/vectors/fetch", fetch),
)
