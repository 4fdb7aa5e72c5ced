"""Pinecone over its HTTP API: where the platform keeps the vectors of its embeddings. Only where a key is set."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from backends.clients.errors import AccessDenied, BadAnswer
from backends.clients.http import HttpClient
from backends.safety.gate import Token
from backends.safety.url_secrets import mask_url

CONTROL_URL: Final = "https://api.pinecone.io"
VERSION: Final = "2025-04"
DEFAULT_INDEX: Final = "olorin-content"
UPSERTED: Final = 100
"""Vectors of one upsert at most, as on the platform."""

UPSERT_BYTES: Final = 1_900_000
"""Bytes of one upsert at most: the index takes 2 MB, more than which a hundred vectors may be as JSON."""

ANSWER_S: Final = 30.0
_OK: Final = 200
_DENIED: Final = frozenset({401, 403})


class Vectors:
    """One index. control_url: where the index's own host is asked for; another one for tests."""

    def __init__(self, http: HttpClient, key: str, index: str, control_url: str = CONTROL_URL) -> None:
        self._http = http
        self._key = key
        self._index = index
        self._control_url = control_url.rstrip("/")
        self._host = ""

    async def delete(self, token: Token, ids: Sequence[str]) -> int:
        """Deletes vectors; those that are not there are no failure. Returns how many were asked for."""
        await self._post(token, "/vectors/delete", {"ids": list(ids)})
        return len(ids)

    async def upsert(self, token: Token, vectors: Sequence[Mapping[str, Any]]) -> int:
        """Writes vectors ({id, values, metadata}) in the place of those with the same ids, up to 100 a call."""
        written = 0
        for part in upserts(vectors):
            answer = await self._post(token, "/vectors/upsert", {"vectors": part})
            written += int(answer.get("upsertedCount", 0))
        return written

    async def fetch(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Those of the vectors that are there."""
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(ids), UPSERTED):
            query = "&".join(f"ids={_quoted(each)}" for each in ids[start : start + UPSERTED])
            found |= (await self._get(f"{await self._base()}/vectors/fetch?{query}")).get("vectors", {})
        return found

    async def _base(self) -> str:
        if not self._host:
            about = await self._get(f"{self._control_url}/indexes/{_quoted(self._index)}")
            host = str(about.get("host", ""))
            if not host:
                raise BadAnswer(f"Pinecone names no host of the index {self._index}.", hint="PINECONE_INDEX_NAME?")
            # Beside a local endpoint the host comes with its scheme.
            self._host = host if urlsplit(host).scheme in {"http", "https"} else f"https://{host}"
        return self._host

    async def _get(self, url: str) -> dict[str, Any]:
        return self._answer(url, *await self._http.get(url, ANSWER_S, self._headers))

    async def _post(self, token: Token, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        url = f"{await self._base()}{path}"
        return self._answer(url, *await self._http.post(token, url, body, ANSWER_S, self._headers))

    @property
    def _headers(self) -> Mapping[str, str]:
        version = {"X-Pinecone-API-Version": VERSION}
        return {"Api-Key": self._key, **version}

    def _answer(self, url: str, status: int, text: str) -> dict[str, Any]:
        where = mask_url(url.partition("?")[0])
        if status in _DENIED:
            raise AccessDenied("Pinecone refused the key.", where=where, hint="Check PINECONE_API_KEY.")
        if status != _OK:
            raise BadAnswer(f"Pinecone answers {status}.", where=where, hint="Check PINECONE_INDEX_NAME.")
        try:
            answer = json.loads(text or "{}")
        except ValueError as error:
            raise BadAnswer("Pinecone's answer is no JSON.", where=where) from error
        return answer if isinstance(answer, dict) else {}


def upserts(
    vectors: Sequence[Mapping[str, Any]], most: int = UPSERTED, size_bytes: int = UPSERT_BYTES
) -> Iterator[list[Mapping[str, Any]]]:
    """The vectors in lists that the index takes: so many of them, and so many bytes as JSON, at least one.

    >>> found = [{"id": "a"}, {"id": "b"}, {"id": "c" * 9}]
    >>> [len(part) for part in upserts(found, 2)], [len(part) for part in upserts(found, 100, 24)]
    ([2, 1], [2, 1])
    """
    part, size = list[Mapping[str, Any]](), 0
    for each in vectors:
        more = len(json.dumps(each))
        if part and (len(part) == most or size + more > size_bytes):
            yield part
            part, size = [], 0
        part.append(each)
        size += more
    if part:
        yield part


def vectors_of(environment: Mapping[str, str], http: HttpClient) -> Vectors | None:
    """The index that the environment names; None without a key."""
    key = environment.get("PINECONE_API_KEY", "")
    index = environment.get("PINECONE_INDEX_NAME") or DEFAULT_INDEX
    return Vectors(http, key, index, environment.get("PINECONE_CONTROLLER_HOST") or CONTROL_URL) if key else None


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")
