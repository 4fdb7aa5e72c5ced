"""The language model's client (openai): any endpoint that speaks the OpenAI API, opened on first use."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from backends.clients.errors import (
    AccessDenied,
    BackendError,
    BadAnswer,
    CannotConnect,
    DeadlineExceeded,
    NotConfigured,
    mapped,
)
from backends.clients.http import HttpClient
from backends.clients.imports import load
from backends.clients.naming import application_name
from backends.clients.once import Once
from backends.safety.url_secrets import mask_url

if TYPE_CHECKING:
    from openai import AsyncOpenAI

DEFAULT_MODEL: Final = "gpt-4o-mini"
DEFAULT_URL: Final = "https://api.openai.com/v1"
DEFAULT_TIMEOUT_S: Final = 90.0
CONNECT_S: Final = 10.0
ANSWER_S: Final = 10.0
"""Seconds within which an endpoint has to list its models."""

_OK: Final = 200
_UNKNOWN_KEY: Final = 401
_FORBIDDEN: Final = 403


class KeyRefused(AccessDenied):
    """The endpoint does not take the key."""

    kind = "invalid key"


class QuotaUsedUp(AccessDenied):
    """The account has nothing left to spend."""

    kind = "quota"


class RateLimited(DeadlineExceeded):
    """The endpoint wants fewer calls."""

    kind = "rate limit"


@dataclass(frozen=True, slots=True)
class ModelTarget:
    """Where the model answers: base URL, key, model name and the deadline of a whole answer in seconds."""

    url: str
    key: str
    model: str
    timeout_s: float = DEFAULT_TIMEOUT_S

    @property
    def where(self) -> str:
        """The target, masked, as people are told it."""
        return f"{mask_url(self.url)} model {self.model}"


def model_target(environment: Mapping[str, str]) -> ModelTarget | BackendError:
    """The target that OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL and OPENAI_TIMEOUT name."""
    key = environment.get("OPENAI_API_KEY", "")
    if not key:
        return NotConfigured(
            "No language model is configured.", hint="Set OPENAI_API_KEY (and OPENAI_BASE_URL for another endpoint)."
        )
    timeout_s = timeout_seconds(environment.get("OPENAI_TIMEOUT", "")) or DEFAULT_TIMEOUT_S
    url = environment.get("OPENAI_BASE_URL") or DEFAULT_URL
    if not _usable(url):
        return NotConfigured(
            "OPENAI_BASE_URL is no URL that can be asked.", where=mask_url(url), hint="Set OPENAI_BASE_URL=https://…"
        )
    return ModelTarget(url, key, environment.get("OPENAI_MODEL") or DEFAULT_MODEL, timeout_s)


def timeout_seconds(text: str) -> float | None:
    """The seconds that the text names; None where they are none to wait for.

    >>> timeout_seconds("2.5"), timeout_seconds("soon"), timeout_seconds("-1"), timeout_seconds("nan")
    (2.5, None, None, None)
    """
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _usable(url: str) -> bool:
    """Whether the URL names a host over HTTP; the driver fails in its own ways on some that don't.

    >>> [_usable(url) for url in (DEFAULT_URL, "http://[::1]:8080/v1", "http://[::1", "http://h:99999", "h", "ftp://h")]
    [True, True, False, False, False, False]
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and url.isprintable()


class ModelClient:
    """The client of one endpoint; `opened` gives the driver's own client inside the error mapping."""

    def __init__(self, target: ModelTarget | BackendError) -> None:
        self._target = target
        self._client: Once[AsyncOpenAI] = Once(self._open, _close)
        self._listing = HttpClient(connect_s=CONNECT_S, answer_s=ANSWER_S, proxies=True)

    @property
    def target(self) -> ModelTarget:
        """Where it connects to. Raises NotConfigured."""
        if isinstance(self._target, BackendError):
            raise self._target
        return self._target

    async def get(self) -> AsyncOpenAI:
        """The driver's client. Raises NotConfigured."""
        _ = self.target
        return await self._client.get()

    async def models(self) -> frozenset[str]:
        """The names of the models that the endpoint lists: shows that it answers and takes the key, and costs nothing.

        The driver isn't needed for it, which would cost a watching console 25 MiB. Raises BackendError.
        """
        target = self.target
        url = f"{target.url.rstrip('/')}/models"
        status, text = await self._listing.get(url, headers={"Authorization": f"Bearer {target.key}"})
        if status == _UNKNOWN_KEY:
            raise AccessDenied("The endpoint refused the key.", where=target.where, hint="Check OPENAI_API_KEY.")
        if status == _FORBIDDEN:
            # A restricted key may well draft without it.
            message = "The endpoint forbids the key to list models; whether it may draft isn't known."
            raise BadAnswer(message, where=target.where, hint="Let OPENAI_API_KEY's key list models.")
        if status != _OK:
            hint = "Check OPENAI_BASE_URL and the endpoint."
            raise BadAnswer(f"The endpoint answers {status} when asked for its models.", where=target.where, hint=hint)
        return _names(text, target)

    async def aclose(self) -> None:
        """Closes what was opened."""
        await self._client.aclose()
        await self._listing.aclose()

    async def _open(self) -> AsyncOpenAI:
        openai = await load("openai")
        # Retries belong to whoever shows them to a person, so the driver makes none.
        return openai.AsyncOpenAI(  # type: ignore[no-any-return]
            api_key=self.target.key,
            base_url=self.target.url,
            timeout=openai.Timeout(self.target.timeout_s, connect=min(CONNECT_S, self.target.timeout_s)),
            max_retries=0,
            default_headers={"User-Agent": application_name()},
        )


def _names(text: str, target: ModelTarget) -> frozenset[str]:
    """The names in a list of models."""
    try:
        return frozenset(str(model["id"]) for model in json.loads(text)["data"])
    except (ValueError, LookupError, TypeError) as error:
        raise BadAnswer("The endpoint's list of models can't be read.", where=target.where) from error


async def _close(client: AsyncOpenAI) -> None:
    await client.close()


def model_errors(target: ModelTarget) -> AbstractContextManager[None]:
    """Turns openai's exceptions into BackendError, with the masked target and what to do."""
    return mapped(lambda error: _mapped(error, target))


def _mapped(error: Exception, target: ModelTarget) -> BackendError | None:
    import openai

    where = target.where
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        return KeyRefused("The endpoint refused the key.", where=where, hint="Check OPENAI_API_KEY.")
    if isinstance(error, openai.NotFoundError):
        return BadAnswer(
            f"The endpoint knows no such model or path: {error.message}",
            where=where,
            hint="Check OPENAI_MODEL and OPENAI_BASE_URL.",
        )
    if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
        return QuotaUsedUp("The account's quota is used up.", where=where, hint="Check its plan and billing.")
    if isinstance(error, openai.RateLimitError):
        return RateLimited(
            f"The endpoint's limit is reached: {error.message}", where=where, hint="Wait a little, then try again."
        )
    if isinstance(error, openai.APITimeoutError):
        return DeadlineExceeded(
            "The model did not answer in time.", where=where, hint="Try again, or raise OPENAI_TIMEOUT."
        )
    if isinstance(error, openai.APIConnectionError):
        return CannotConnect(
            "The model's endpoint can't be reached.", where=where, hint="Check OPENAI_BASE_URL and the network."
        )
    if isinstance(error, openai.OpenAIError):
        return BadAnswer(str(error), where=where, hint="Try again; if it goes on, ask whoever runs the endpoint.")
    return None
