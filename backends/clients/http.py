"""The HTTP client (httpx): opened on first use, with deadlines and a cap on how much an answer may be."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

from backends.clients.errors import BackendError, BadAnswer, CannotConnect, DeadlineExceeded, mapped
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.clients.once import Once
from backends.safety.url_secrets import mask_url

if TYPE_CHECKING:
    from httpx import AsyncClient, Response, Timeout

    from backends.safety.gate import Token

ANSWER_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of an answer that are read at most; no health page or metrics text is near that."""


class HttpClient:
    """Small requests to other services, past the environment's proxies unless they are to be used."""

    def __init__(self, connect_s: float = 10.0, answer_s: float = 5.0, *, proxies: bool = False) -> None:
        self._connect_s = connect_s
        self._answer_s = answer_s
        self._proxies = proxies
        self._client: Once[AsyncClient] = Once(self._open, _close)

    async def get(
        self, url: str, answer_s: float | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and text of the answer, waiting `answer_s` seconds for it (None: as long as the client does).

        Raises BackendError, BadAnswer where the answer is too large.
        """
        return await self._answer("GET", url, answer_s, headers=headers)

    async def post(
        self,
        token: Token,
        url: str,
        body: Mapping[str, object] | None = None,
        answer_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """As `get`, for a request that changes something: with JSON as its body, and the gate's token for it.

        Sent once: a second time might do it twice. Raises Refused, BackendError.
        """
        token.require(token.act.name)
        return await self._answer("POST", url, answer_s, json=dict(body or {}), headers=headers)

    async def _answer(self, method: str, url: str, answer_s: float | None, **request: Any) -> tuple[int, str]:
        with http_errors(url):
            client = await self._client.get()
            timeout = self._timeout(answer_s or self._answer_s)
            async with client.stream(method, url, timeout=timeout, **request) as response:
                return response.status_code, await _text(response, url)

    async def open(self) -> None:
        """Opens the client, so that the time of the first answer doesn't count the opening."""
        await self._client.get()

    async def aclose(self) -> None:
        """Closes the client if it was opened."""
        await self._client.aclose()

    async def _open(self) -> AsyncClient:
        httpx = await load("httpx")
        headers = {"User-Agent": application_name()}
        return httpx.AsyncClient(headers=headers, trust_env=self._proxies)  # type: ignore[no-any-return]

    def _timeout(self, answer_s: float) -> Timeout:
        from httpx import Timeout

        return Timeout(answer_s, connect=self._connect_s)


async def _text(response: Response, url: str) -> str:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > ANSWER_LIMIT:
            raise BadAnswer(f"The answer is larger than {ANSWER_LIMIT:,} bytes.", where=mask_url(url))
    return body.decode("utf-8", "replace")


async def _close(client: AsyncClient) -> None:
    await client.aclose()


def http_errors(url: str) -> AbstractContextManager[None]:
    """Turns httpx's exceptions into BackendError, with the masked URL."""
    return mapped(lambda error: _mapped(error, mask_url(url)))


def was_sent(error: BackendError) -> bool:
    """Whether what failed so was sent before: the server may have done what it was asked for.

    >>> was_sent(CannotConnect("refused"))
    False
    """
    import httpx

    before = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)
    cause = error.__cause__
    too_large = cause is None and isinstance(error, BadAnswer)
    return too_large or (isinstance(cause, httpx.HTTPError) and not isinstance(cause, before))


def _mapped(error: Exception, where: str) -> BackendError | None:
    import httpx

    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return CannotConnect(f"The URL can't be used: {error}", where=where, hint="Correct the variable that holds it.")
    if isinstance(error, httpx.TimeoutException):
        return DeadlineExceeded("No answer in time.", where=where)
    if isinstance(error, httpx.TransportError):
        return CannotConnect(f"No answer: {error}", where=where, hint="Is the service running?")
    if isinstance(error, httpx.HTTPError):
        return BadAnswer(str(error), where=where)
    return None
