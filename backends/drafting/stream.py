"""One HTTP answer of the model as it streams in: foreign chunks in, safe text and the facts of its end out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from backends.clients.errors import BackendError, BadAnswer, DeadlineExceeded
from backends.clients.model import ModelTarget, model_errors
from backends.drafting.brief import Brief
from backends.drafting.errors import NothingSaid
from backends.safety.text import COMBINING_LIMIT, display_text, prose

if TYPE_CHECKING:
    from openai import AsyncOpenAI, AsyncStream
    from openai.types.chat import ChatCompletionChunk

T = TypeVar("T")

ANSWER_LIMIT: Final = 1_000_000
"""Characters of one answer at most; what comes after them is not read."""


END_WAIT_S: Final = 2.0
"""Seconds that the usage, which follows the finish_reason, is waited for."""


@dataclass(slots=True)
class Received:
    """What has come so far of one answer; started and first_at are seconds of the monotonic clock."""

    started: float = field(default_factory=time.monotonic)
    first_at: float | None = None
    parts: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    refusal: str = ""
    model: str = ""
    tokens: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(self.parts)

    def add(self, text: str) -> None:
        """Takes in safe text."""
        if self.first_at is None:
            self.first_at = time.monotonic()
        self.parts.append(text)

    def read(self, chunk: Any) -> str:
        """Takes the facts out of a foreign chunk and returns its text as it came.

        The driver validates nothing, so a chunk of another shape raises AttributeError, TypeError or ValueError.
        """
        self.model = display_text(getattr(chunk, "model", None) or self.model)
        if usage := getattr(chunk, "usage", None):
            self.tokens = int(usage.prompt_tokens), int(usage.completion_tokens)
        first = [choice for choice in chunk.choices or () if not getattr(choice, "index", 0)]
        return "".join(self._read_choice(choice) for choice in first)

    def _read_choice(self, choice: Any) -> str:
        if reason := getattr(choice, "finish_reason", None):
            self.finish_reason = display_text(reason)
        delta = getattr(choice, "delta", None)
        self.refusal += getattr(delta, "refusal", None) or ""
        content = getattr(delta, "content", None) or ""
        if not isinstance(content, str):
            raise TypeError(f"{type(content).__name__} where text belongs")
        return content


async def receive(
    client: AsyncOpenAI, target: ModelTarget, brief: Brief, received: Received
) -> AsyncGenerator[str, None]:
    """Asks once and yields safe text as it comes; `received` knows all of it, however this ends.

    Raises BackendError: BadAnswer where the answer breaks off, makes no sense or never ends, NothingSaid where it ends
    properly and is empty, DeadlineExceeded after the target's deadline.
    """
    try:
        async with aclosing(_texts(client, target, brief, received)) as texts:
            async for text in texts:
                yield text
    except BackendError:
        # What goes wrong after the finish_reason costs the usage, not the answer.
        if received.finish_reason is None:
            raise
    _check_end(received, target)


async def _texts(
    client: AsyncOpenAI, target: ModelTarget, brief: Brief, received: Received
) -> AsyncGenerator[str, None]:
    cleaner, room = ChunkCleaner(), ANSWER_LIMIT
    deadline = asyncio.get_running_loop().time() + target.timeout_s
    with model_errors(target), _malformed(target):
        async with await _before(deadline, _ask(client, target, brief)) as stream:
            while (chunk := await _before(deadline, anext(stream, None))) is not None:
                text = cleaner.feed(received.read(chunk))
                room -= len(text)
                if text:
                    received.add(text)
                    yield text
                if room < 0:
                    raise BadAnswer(f"The answer is longer than {ANSWER_LIMIT:,} characters.", where=target.where)
                if received.finish_reason is not None:
                    deadline = min(deadline, asyncio.get_running_loop().time() + END_WAIT_S)


def _ask(client: AsyncOpenAI, target: ModelTarget, brief: Brief) -> Awaitable[AsyncStream[ChatCompletionChunk]]:
    return client.chat.completions.create(
        model=target.model,
        messages=cast("Any", [{"role": role, "content": text} for role, text in brief.messages]),
        temperature=brief.temperature,
        stream=True,
        stream_options={"include_usage": True},
    )


async def _before(deadline: float, awaitable: Awaitable[T]) -> T:
    async with asyncio.timeout_at(deadline):
        return await awaitable


@contextmanager
def _malformed(target: ModelTarget) -> Iterator[None]:
    """Turns what the driver and `read` raise on nonsense, and the deadline, into BackendError."""
    try:
        yield
    except TimeoutError as error:
        raise DeadlineExceeded(
            f"The answer did not end within {target.timeout_s:g} s.", where=target.where, hint="Raise OPENAI_TIMEOUT."
        ) from error
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise BadAnswer(
            f"The stream is malformed: {error}", where=target.where, hint="Does OPENAI_BASE_URL speak the OpenAI API?"
        ) from error


def _check_end(received: Received, target: ModelTarget) -> None:
    if received.finish_reason is None:
        raise BadAnswer("The stream broke off before the answer's end.", where=target.where, hint="Ask again.")
    if not received.text.strip():
        said = received.refusal or f"finish_reason {received.finish_reason}"
        raise NothingSaid(f"The model answered with no text: {said}", where=target.where)


class ChunkCleaner:
    r"""Sanitises text that comes in pieces: what is split between two of them is judged whole.

    >>> cleaner = ChunkCleaner()
    >>> pieces = ("one\r", "\ntwo\x1b", "[31m", "e\u0301\u0301", "\u0301\u0301\u0301")
    >>> "".join(map(cleaner.feed, pieces)) == prose("".join(pieces))
    True
    """

    def __init__(self) -> None:
        self._held = ""
        self._tail = ""

    def feed(self, text: str) -> str:
        """The safe text of the next piece; a last carriage return waits for what follows it."""
        text = self._held + text
        self._held = "\r" if text.endswith("\r") else ""
        text = self._tail + text.removesuffix(self._held)
        safe = prose(text)[len(self._tail) :]
        self._tail = (self._tail + safe)[-COMBINING_LIMIT:]
        return safe
